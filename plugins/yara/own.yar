// What scanrelay asks of each file beside your rules.

// Proof that YARA has looked at it.
rule seen { condition: filesize > 0 }

// What YARA sees only the outside of: gzip, bzip2, xz, zstd, 7z, rar, and zips with members that are deflated or encrypted.
rule packed {
    strings:
        $member = { 50 4B 03 04 }
        $end = { 50 4B 05 06 }
    condition:
        uint16be(0) == 0x1F8B or uint32be(0) == 0x425A6839 or uint32be(0) == 0xFD377A58 or uint32be(0) == 0x28B52FFD or
        uint32be(0) == 0x377ABCAF or uint32be(0) == 0x52617221 or
        ($end and for any i in (1..#member): (uint16(@member[i] + 6) & 1 == 1 or uint16(@member[i] + 8) != 0))
}
