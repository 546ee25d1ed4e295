//! The processors Android runs on that the app is built for.

/// One kind of processor, as each tool calls it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Abi {
    /// Android's name: the library's folder in the package.
    pub(crate) name: &'static str,
    /// Rust's target.
    pub(crate) rust: &'static str,
    /// clang's target, without the API level.
    pub(crate) clang: &'static str,
    /// The folder of musl's headers for it.
    pub(crate) headers: &'static str,
    /// What clang has to know besides to compile the unwinder.
    pub(crate) flags: &'static [&'static str],
    /// The number ELF has for it (`e_machine`).
    pub(crate) machine: u16,
}

/// All of them.
pub(crate) const ABIS: [Abi; 3] = [
    Abi {
        name: "arm64-v8a",
        rust: "aarch64-linux-android",
        clang: "aarch64-linux-android",
        headers: "aarch64-linux-musl",
        flags: &[],
        machine: object::elf::EM_AARCH64.0,
    },
    Abi {
        name: "armeabi-v7a",
        rust: "armv7-linux-androideabi",
        clang: "armv7a-linux-androideabi",
        headers: "arm-linux-musl",
        flags: &["-march=armv7-a", "-mfloat-abi=softfp", "-mfpu=vfpv3-d16"],
        machine: object::elf::EM_ARM.0,
    },
    Abi {
        name: "x86_64",
        rust: "x86_64-linux-android",
        clang: "x86_64-linux-android",
        headers: "x86_64-linux-musl",
        flags: &[],
        machine: object::elf::EM_X86_64.0,
    },
];
