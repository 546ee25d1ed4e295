//! Files and folders, with errors that say which.
use crate::TaskError;
use ring::digest;
use std::{
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
};

/// Where downloads and compiled libraries are kept between builds.
pub(crate) fn cache() -> Result<PathBuf, TaskError> {
    let cache = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
    let cache = cache.or_else(|| std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".cache")));
    cache.map(|cache| cache.join("consentry/android")).ok_or_else(|| {
        TaskError::Missing("there is no home folder to keep downloads in: set HOME or XDG_CACHE_HOME".into())
    })
}

/// Makes a file or folder of the cache unless it is there. `make` is given the path to make it at: only what is complete
/// gets its name, and two builds at once make it once.
pub(crate) fn once(path: &Path, make: impl FnOnce(&Path) -> Result<(), TaskError>) -> Result<(), TaskError> {
    if path.exists() {
        return Ok(());
    }
    let _lock = lock(path)?;
    if path.exists() {
        return Ok(());
    }
    let unfinished = beside(path, "unfinished");
    if unfinished.is_file() {
        fs::remove_file(&unfinished).map_err(|source| failure("removing", &unfinished, source))?;
    } else {
        remove_folder(&unfinished)?;
    }
    make(&unfinished)?;
    fs::rename(&unfinished, path).map_err(|source| failure("renaming", &unfinished, source))
}

/// Keeps other builds from touching what the path names, until the file is dropped.
pub(crate) fn lock(path: &Path) -> Result<fs::File, TaskError> {
    let path = beside(path, "lock");
    write(&path, "")?;
    let file = fs::File::open(&path).map_err(|source| failure("reading", &path, source))?;
    if file.try_lock().is_err() {
        println!("waiting for another build to end");
        file.lock().map_err(|source| failure("locking", &path, source))?;
    }
    Ok(file)
}

/// A name for something that belongs to the file or folder.
fn beside(path: &Path, what: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".");
    name.push(what);
    name.into()
}

/// Reads a whole file.
pub(crate) fn read(path: &Path) -> Result<Vec<u8>, TaskError> {
    fs::read(path).map_err(|source| failure("reading", path, source))
}

/// Reads a whole file of UTF-8 text.
pub(crate) fn read_text(path: &Path) -> Result<String, TaskError> {
    fs::read_to_string(path).map_err(|source| failure("reading", path, source))
}

/// Writes a whole file, making its folder where needed.
pub(crate) fn write(path: &Path, contents: impl AsRef<[u8]>) -> Result<(), TaskError> {
    if let Some(folder) = path.parent() {
        create_folder(folder)?;
    }
    fs::write(path, contents).map_err(|source| failure("writing", path, source))
}

/// Makes a folder and those above it.
pub(crate) fn create_folder(path: &Path) -> Result<(), TaskError> {
    fs::create_dir_all(path).map_err(|source| failure("making", path, source))
}

/// Makes an empty folder, removing what was there.
pub(crate) fn create_empty_folder(path: &Path) -> Result<(), TaskError> {
    remove_folder(path)?;
    create_folder(path)
}

/// Removes a folder and all in it, if it is there.
pub(crate) fn remove_folder(path: &Path) -> Result<(), TaskError> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(failure("removing", path, error)),
        _ => Ok(()),
    }
}

/// Copies a file, making the folder it goes to.
pub(crate) fn copy(from: &Path, to: &Path) -> Result<(), TaskError> {
    if let Some(folder) = to.parent() {
        create_folder(folder)?;
    }
    fs::copy(from, to).map(|_| ()).map_err(|source| failure("copying", from, source))
}

/// Gives a file a second name, making the folder that is in; what has the name already stays.
pub(crate) fn link(file: &Path, name: &Path) -> Result<(), TaskError> {
    if name.exists() {
        return Ok(());
    }
    if let Some(folder) = name.parent() {
        create_folder(folder)?;
    }
    fs::hard_link(file, name).map_err(|source| failure("linking", file, source))
}

/// Every file in a folder and the folders below it, sorted by path.
pub(crate) fn files_below(folder: &Path) -> Result<Vec<PathBuf>, TaskError> {
    let mut found = Vec::new();
    let mut waiting = vec![folder.to_owned()];
    while let Some(folder) = waiting.pop() {
        for entry in fs::read_dir(&folder).map_err(|source| failure("reading", &folder, source))? {
            let path = entry.map_err(|source| failure("reading", &folder, source))?.path();
            if path.is_dir() { &mut waiting } else { &mut found }.push(path);
        }
    }
    found.sort_unstable();
    Ok(found)
}

/// Those whose names end so.
pub(crate) fn ending(files: &[PathBuf], end: &str) -> Vec<PathBuf> {
    files.iter().filter(|file| file.to_string_lossy().ends_with(end)).cloned().collect()
}

/// SHA-256 in hexadecimal.
pub(crate) fn sha256(bytes: &[u8]) -> String {
    let mut text = String::new();
    for byte in digest::digest(&digest::SHA256, bytes).as_ref() {
        let _infallible = write!(text, "{byte:02x}");
    }
    text
}

pub(crate) fn failure(doing: &'static str, path: &Path, source: std::io::Error) -> TaskError {
    TaskError::File { doing, path: path.to_owned(), source }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};

    #[test]
    fn what_is_made_once_is_complete_or_not_there() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a-1.2");
        let broken = once(&path, |unfinished| {
            write(&unfinished.join("half"), "x")?;
            Err(TaskError::Refused("broken".into()))
        });
        assert!(broken.is_err() && !path.exists());
        once(&path, |unfinished| write(&unfinished.join("whole"), "x")).unwrap();
        assert_eq!(files_below(&path).unwrap(), [path.join("whole")]);
        once(&path, |_| panic!("it is there")).unwrap();
    }

    #[test]
    fn many_at_once_make_it_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        let made = AtomicUsize::new(0);
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    once(&path, |unfinished| {
                        made.fetch_add(1, Ordering::Relaxed);
                        write(unfinished, "x")
                    })
                    .unwrap();
                });
            }
        });
        assert_eq!(made.into_inner(), 1);
    }
}
