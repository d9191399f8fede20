// Rules of the tests.
rule eicar_test_file {
    meta:
        severity = "critical"
    strings:
        $begin = { 58 35 4F 21 50 25 40 41 50 5B 34 5C 50 5A 58 35 34 }
    condition:
        $begin at 0
}

rule pickle_system {
    strings:
        $import = /(posix|nt|os)(\n|\x8C\x06|\x94\x8C\x06)system/
    condition:
        $import
}

rule aws_key_id {
    meta:
        severity = "low"
    strings:
        $id = /AKIA[A-Z0-9]{16}/
    condition:
        $id
}
