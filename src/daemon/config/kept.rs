//! What a running daemon keeps to, whatever the file says now: its listeners and its store. Everything else can be reloaded.

use super::tls::Tls;
use super::{Config, StoreAt};

/// Puts back what is in force; whether it was another.
type Keep = fn(&mut Config, &Config) -> bool;

const KEPT: [(&str, Keep); 9] = [
    ("server.bind", |new, old| kept(&mut new.server.bind, &old.server.bind)),
    ("server.tls", |new, old| kept_in_kind(&mut new.server.tls, old.server.tls.as_ref())),
    ("server.max_connections", |new, old| kept(&mut new.server.max_connections, &old.server.max_connections)),
    ("server.header_timeout", |new, old| kept(&mut new.server.header_timeout, &old.server.header_timeout)),
    ("server.keep_alive", |new, old| kept(&mut new.server.keep_alive, &old.server.keep_alive)),
    ("admin.tls", |new, old| kept_in_kind(&mut new.admin.tls, old.admin.tls.as_ref())),
    ("admin.bind", |new, old| kept(&mut new.admin.bind, &old.admin.bind)),
    ("store.url", |new, old| {
        let there = StoreAt { max_size: new.store.max_size, ..old.store.clone() };
        kept(&mut new.store, &there)
    }),
    ("limits.queue", |new, old| kept(&mut new.limits.queue, &old.limits.queue)),
];

fn kept<T: Clone + PartialEq>(new: &mut T, old: &T) -> bool {
    let differs = new != old;
    new.clone_from(old);
    differs
}

/// Another certificate can be shown at any time; that there is one, or none, stays.
fn kept_in_kind(new: &mut Option<Tls>, old: Option<&Tls>) -> bool {
    let differs = new.is_some() != old.is_some();
    if differs {
        *new = old.cloned();
    }
    differs
}

impl Config {
    /// What this configuration is for a daemon that runs by another, and which of its keys take a restart. An error says what
    /// would not be safe on the listeners that are there.
    pub fn keeping(mut self, running: &Self) -> Result<(Self, Vec<&'static str>), String> {
        let differ = KEPT.iter().filter(|(_, keep)| keep(&mut self, running));
        let kept: Vec<&'static str> = differ.map(|(key, _)| *key).collect();
        match self.check_listeners() {
            Ok(()) => Ok((self, kept)),
            Err(fault) => Err(format!("{fault}; {} takes a restart: systemctl restart scanrelay", kept.join(", "))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Source;
    use super::*;

    fn config(text: &str) -> Config {
        let environment = [("TOKEN".to_owned(), "a token".to_owned())].into();
        let source = Source { environment, ..Source::bare("/etc/scanrelay".into()) };
        Config::parse(text, &source).unwrap()
    }

    #[test]
    fn listeners_and_store_are_kept_and_named() {
        let check = |text: &str, expected: &[&str]| {
            let running = Config::default();
            let (config, kept) = config(text).keeping(&running).unwrap();
            assert_eq!(kept, expected, "{text}");
            assert_eq!((config.server.bind, &config.store), (running.server.bind, &running.store));
        };
        check("", &[]);
        check("[server]\nmax_body = \"2MiB\"\n[limits]\nconcurrency = 3", &[]);
        check("[server]\nbind = \"127.0.0.1:1\"\nkeep_alive = \"1m\"", &["server.bind", "server.keep_alive"]);
        check("[store]\nurl = \"sqlite:elsewhere.db\"\n[limits]\nqueue = 7", &["store.url", "limits.queue"]);
        check("[admin]\nbind = \"0.0.0.0:1\"\ntoken = { env = \"TOKEN\" }", &["admin.bind"]);
    }

    #[test]
    fn how_large_the_store_may_become_can_change() {
        let (config, kept) = config("[store]\nmax_size = \"1GiB\"").keeping(&Config::default()).unwrap();
        assert_eq!((config.store.max_size, kept), (Some(1 << 30), Vec::new()));
    }

    #[test]
    fn what_the_file_may_say_is_not_always_safe_on_the_listener_that_is_there() {
        let token = "[registries.r]\nkind = \"verta\"\nwebhook = { secrets = [{ env = \"TOKEN\" }], scheme = { token = \"X-Token\" } }\n";
        let public =
            config("[server]\nbind = \"0.0.0.0:8484\"\n[admin]\nbind = \"0.0.0.0:8485\"\ntoken = { env = \"TOKEN\" }");
        let check = |text: &str, words: &str| {
            let refused = config(text).keeping(&public).unwrap_err();
            assert!(refused.contains(words) && refused.contains("takes a restart"), "{refused}");
        };
        let admin = "[admin]\nbind = \"0.0.0.0:8485\"\ntoken = { env = \"TOKEN\" }\n";
        check(&format!("{admin}{token}"), "registries.r.webhook.scheme: a token on 0.0.0.0:8484 can be read");
        check("[server]\nbind = \"0.0.0.0:8484\"", "admin.bind: 0.0.0.0:8485 is not loopback");
    }
}
