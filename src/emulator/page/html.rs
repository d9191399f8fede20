//! HTML in which nothing that somebody typed is ever markup.

use std::fmt::Display;

use url::Url;

/// A document that grows. Markup is what stands in the program's own text; everything else is escaped.
pub struct Html(String);

impl Html {
    pub fn new() -> Self {
        Self(String::new())
    }

    /// Markup, which is `'static` so that it cannot be made of what somebody typed.
    pub fn raw(&mut self, markup: &'static str) -> &mut Self {
        self.0.push_str(markup);
        self
    }

    /// Text, in an element or in an attribute's quotes.
    pub fn text(&mut self, text: impl Display) -> &mut Self {
        for letter in text.to_string().chars() {
            match letter {
                '&' => self.0.push_str("&amp;"),
                '<' => self.0.push_str("&lt;"),
                '>' => self.0.push_str("&gt;"),
                '"' => self.0.push_str("&quot;"),
                '\'' => self.0.push_str("&#39;"),
                letter => self.0.push(letter),
            }
        }
        self
    }

    /// A link, if it leads to the web; otherwise the text alone.
    pub fn link(&mut self, address: &str) -> &mut Self {
        if !Url::parse(address).is_ok_and(|url| ["http", "https"].contains(&url.scheme()) && url.has_host()) {
            return self.text(address);
        }
        self.raw("<a rel=\"noopener noreferrer\" href=\"").text(address).raw("\">").text(address).raw("</a>")
    }

    /// A form of one button, which posts one id and comes back to the place of the page that it is at.
    pub fn button(&mut self, action: &'static str, id: impl Display, place: impl Display, label: &str) -> &mut Self {
        self.raw("<form method=\"post\" action=\"/dev/page/").raw(action);
        self.raw("\"><input type=\"hidden\" name=\"id\" value=\"").text(id);
        self.raw("\"><input type=\"hidden\" name=\"place\" value=\"").text(place);
        self.raw("\"><button>").text(label).raw("</button></form>")
    }

    pub fn into_string(self) -> String {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_addresses_of_the_web_become_links_and_all_is_escaped() {
        for address in ["https://prod.example.com/a?b=1&c=\"'><script>", "HTTP://prod.example.com"] {
            let mut html = Html::new();
            let html = html.link(address).0.clone();
            assert!(html.starts_with("<a ") && !html.contains("<script") && html.matches('"').count() == 4, "{html}");
        }
        for address in [
            "javascript:alert(1)",
            " javascript:alert(1)",
            "java\tscript:alert(1)",
            "data:text/html,x",
            "//prod.example.com",
            "/a",
            "",
        ] {
            let mut html = Html::new();
            assert_eq!(html.link(address).0, address);
        }
    }
}
