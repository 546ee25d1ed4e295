//! What Android's loader refuses, found before a phone finds it. The rules are bionic's
//! (android-changes-for-ndk-developers.md) and those of our lists.
use super::symbols::{SYSTEM_LIBRARIES, SystemSymbols, Use};
use object::{
    Endianness,
    elf::{
        DF_TEXTREL, DT_FLAGS, DT_NEEDED, DT_TEXTREL, DT_VERNEED, EM_ARM, FileHeader32, FileHeader64, PF_W,
        PF_X, PT_LOAD, PT_TLS, STB_WEAK,
    },
    read::elf::{Dyn as _, FileHeader, ProgramHeader as _, Sym as _},
};

/// Pages are 16 KiB on some phones since Android 15.
const PAGE: u64 = 0x4000;

/// Says why Android, or the lists, would refuse this library.
pub(super) fn fit_for_android(
    bytes: &[u8],
    machine: u16,
    allowed: Option<&SystemSymbols>,
) -> Result<(), String> {
    let outcome = if machine == EM_ARM.0 {
        check::<FileHeader32<Endianness>>(bytes, machine, allowed)
    } else {
        check::<FileHeader64<Endianness>>(bytes, machine, allowed)
    };
    outcome.map_err(|error| format!("it cannot be read: {error}"))?
}

fn check<Elf: FileHeader<Endian = Endianness>>(
    bytes: &[u8],
    machine: u16,
    allowed: Option<&SystemSymbols>,
) -> object::Result<Result<(), String>> {
    let header = Elf::parse(bytes)?;
    let endian = header.endian()?;
    if header.e_machine(endian).0 != machine {
        return Ok(Err("it is for another processor".into()));
    }
    for segment in header.program_headers(endian, bytes)? {
        let (kind, flags) = (segment.p_type(endian), segment.p_flags(endian));
        if kind == PT_TLS {
            return Ok(Err(
                "it has thread-local storage of ELF's kind (PT_TLS), which needs Android 10".into()
            ));
        }
        if kind != PT_LOAD {
            continue;
        }
        let align: u64 = segment.p_align(endian).into();
        if align != PAGE {
            return Ok(Err(format!("a segment is aligned to {align:#x}, not {PAGE:#x}")));
        }
        if flags.contains(PF_W) && flags.contains(PF_X) {
            return Ok(Err("a segment is both writable and executable".into()));
        }
    }

    let sections = header.sections(endian, bytes)?;
    let Some((dynamic, link)) = sections.dynamic(endian, bytes)? else {
        return Ok(Err("it is not a shared library".into()));
    };
    let strings = sections.strings(endian, bytes, link)?;
    let mut needed = Vec::new();
    for entry in dynamic {
        let (tag, value): (_, u64) = (entry.d_tag(endian), entry.d_val(endian).into());
        if tag == DT_NEEDED {
            let name = strings.get(value as u32).unwrap_or_default();
            needed.push(String::from_utf8_lossy(name).into_owned());
        } else if tag == DT_TEXTREL || tag == DT_FLAGS && value & DF_TEXTREL.0 != 0 {
            return Ok(Err("its code would have to be changed while loading (TEXTREL)".into()));
        } else if tag == DT_VERNEED && allowed.is_some() {
            return Ok(Err("it asks for versions of symbols".into()));
        }
    }
    let ours = |name: &String| name.strip_suffix(".so").is_some_and(|name| SYSTEM_LIBRARIES.contains(&name));
    if let Some(other) = needed.iter().find(|name| !ours(name)) {
        return Ok(Err(format!("it needs {other}, which Android does not offer to apps")));
    }
    if !needed.iter().any(|name| name == "libc.so") {
        return Ok(Err("it does not say that it needs libc.so".into()));
    }

    let Some(allowed) = allowed else {
        return Ok(Ok(()));
    };
    let symbols = sections.symbols(endian, bytes, object::elf::SHT_DYNSYM)?;
    let mut unlisted = Vec::new();
    for symbol in symbols.iter().skip(1).filter(|symbol| symbol.is_undefined(endian)) {
        let name = String::from_utf8_lossy(symbol.name(endian, symbols.strings())?);
        match allowed.get(&name) {
            Some(Use::Any) => {}
            Some(Use::Weak) if symbol.st_bind() == STB_WEAK => {}
            Some(Use::Weak) => unlisted.push(format!("{name} (listed as weak)")),
            None => unlisted.push(name.into_owned()),
        }
    }
    Ok(if unlisted.is_empty() {
        Ok(())
    } else {
        Err(format!("it asks for symbols that system-symbols does not list: {}", unlisted.join(" ")))
    })
}

// The fixtures are written in this processor's assembly.
#[cfg(all(test, target_arch = "x86_64"))]
#[allow(clippy::unwrap_used, reason = "clippy does not know that this is for tests only")]
mod tests {
    use super::*;
    use object::elf::EM_X86_64;
    use std::process::Command;

    const TEXT: &str = ".text\n.globl ours\nours: call known@plt\n ret\n";
    const FLAGS: [&str; 4] = ["-nostdlib", "-shared", "-Wl,-z,max-page-size=16384", "-Wl,-z,noexecstack"];

    /// A library made of this assembly, which needs libraries with these names (each has the symbol "known").
    fn library(text: &str, needs: &[&str], more_flags: &[&str]) -> Vec<u8> {
        let folder = tempfile::tempdir().unwrap();
        let link = |name: &str, text: &str, flags: &[&str]| {
            let (source, output) = (folder.path().join(format!("{name}.s")), folder.path().join(name));
            std::fs::write(&source, text).unwrap();
            let mut cc = Command::new("cc");
            cc.args(FLAGS).arg(format!("-Wl,-soname,{name}")).arg(&source).arg("-o").arg(&output).args(flags);
            cc.current_dir(folder.path());
            let said = cc.output().unwrap();
            assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stderr));
            output
        };
        for name in needs {
            link(name, ".text\n.globl known\n.type known,%function\nknown: ret\n", &[]);
        }
        let mut flags: Vec<&str> = more_flags.to_vec();
        flags.push("-Wl,--no-as-needed");
        flags.extend(needs);
        std::fs::read(link("libours.so", text, &flags)).unwrap()
    }

    fn judged(bytes: &[u8]) -> Result<(), String> {
        let lists = SystemSymbols::of_libc(&[("known", Use::Any), ("later", Use::Weak)]);
        fit_for_android(bytes, EM_X86_64.0, Some(&lists))
    }

    fn refusal(text: &str, needs: &[&str], flags: &[&str]) -> String {
        judged(&library(text, needs, flags)).unwrap_err()
    }

    #[test]
    fn a_library_that_keeps_the_rules_is_fit() {
        let bytes = library(TEXT, &["libc.so", "liblog.so"], &[]);
        assert_eq!(judged(&bytes), Ok(()));
        let weak = format!("{TEXT}.weak later\ncall later@plt\n");
        assert_eq!(judged(&library(&weak, &["libc.so"], &[])), Ok(()));
    }

    #[test]
    fn each_broken_rule_is_named() {
        let libc: &[&str] = &["libc.so"];
        let cases = [
            (refusal(TEXT, &["libc.so", "libssl.so"], &[]), "needs libssl.so"),
            (refusal(TEXT, &["liblog.so"], &[]), "libc.so"),
            (refusal(TEXT, libc, &["-Wl,-z,max-page-size=4096"]), "aligned to 0x1000"),
            (refusal(&format!("{TEXT}call other@plt\n"), libc, &[]), "does not list: other"),
            (refusal(&format!("{TEXT}call later@plt\n"), libc, &[]), "later (listed as weak)"),
            (refusal(&format!("{TEXT}.section .tbss,\"awT\",@nobits\n.zero 4\n"), libc, &[]), "PT_TLS"),
            (refusal(&format!("{TEXT}.quad ours\n"), libc, &["-Wl,-z,notext"]), "TEXTREL"),
        ];
        for (reason, word) in cases {
            assert!(reason.contains(word), "{reason:?} does not say {word:?}");
        }
    }

    #[test]
    fn code_that_could_be_written_to_is_refused() {
        let mut bytes = library(TEXT, &["libc.so"], &[]);
        // Program headers begin at 0x40, each is 0x38 bytes: its kind, then its rights.
        let first = (0x40..).step_by(0x38).find(|at| bytes[*at] == PT_LOAD.0 as u8).unwrap();
        bytes[first + 4] = (PF_W | PF_X).0 as u8;
        assert!(judged(&bytes).unwrap_err().contains("writable and executable"));
    }

    #[test]
    fn another_processors_library_is_refused() {
        let bytes = library(TEXT, &["libc.so"], &[]);
        for machine in [EM_ARM.0, object::elf::EM_AARCH64.0] {
            assert!(fit_for_android(&bytes, machine, None).is_err());
        }
    }

    #[test]
    fn the_hosts_own_libraries_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let (source, output) = (folder.path().join("a.c"), folder.path().join("a.so"));
        std::fs::write(&source, "#include <stdio.h>\nvoid a(void) { puts(\"a\"); }\n").unwrap();
        let status = Command::new("cc").args(["-shared", "-fPIC", "-o"]).arg(&output).arg(&source).status();
        assert!(status.unwrap().success());
        assert!(judged(&std::fs::read(&output).unwrap()).is_err());
    }

    #[test]
    fn no_cut_or_changed_library_makes_the_check_fall_over() {
        let whole = library(TEXT, &["libc.so"], &[]);
        for length in (0..whole.len()).step_by(97) {
            let _any = judged(&whole[..length]);
        }
        for at in 0..whole.len().min(2000) {
            let mut changed = whole.clone();
            changed[at] ^= 0xff;
            let _any = judged(&changed);
        }
        assert!(judged(b"").is_err());
    }
}
