use std::fmt;
use std::path::PathBuf;

/// Why a world cannot be had.
#[derive(Debug)]
#[non_exhaustive]
pub enum WorldError {
    /// The file or folder cannot be read.
    Read {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// It is no description of a world.
    Parse {
        /// Where it was read, if it was a file.
        path: Option<PathBuf>,
        /// What is wrong and where.
        source: toml::de::Error,
    },
    /// It is well written and means nothing.
    Invalid {
        /// Where it was read, if it was a file.
        path: Option<PathBuf>,
        /// What is wrong.
        what: String,
    },
}

impl WorldError {
    /// The same, with the file it was read from.
    pub(crate) fn of(mut self, file: &std::path::Path) -> Self {
        if let WorldError::Parse { path, .. } | WorldError::Invalid { path, .. } = &mut self {
            *path = Some(file.to_owned());
        }
        self
    }

    pub(crate) fn invalid(what: impl Into<String>) -> Self {
        WorldError::Invalid { path: None, what: what.into() }
    }
}

impl fmt::Display for WorldError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let place = |path: &Option<PathBuf>| match path {
            Some(path) => path.display().to_string(),
            None => "a world".to_owned(),
        };
        match self {
            WorldError::Read { path, source } => write!(f, "cannot read {}: {source}", path.display()),
            WorldError::Parse { path, source } => write!(f, "{}: {source}", place(path)),
            WorldError::Invalid { path, what } => write!(f, "{}: {what}", place(path)),
        }
    }
}

impl std::error::Error for WorldError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            WorldError::Read { source, .. } => Some(source),
            WorldError::Parse { source, .. } => Some(source),
            WorldError::Invalid { .. } => None,
        }
    }
}
