use std::io;

use crate::fold::Group;
use crate::progress::Progress;
use crate::report::{Begin, Finish, HostReport};
use crate::verdict::Verdict;
use crate::warning::Warning;

/// An end of the pipe: a renderer, a store, a publisher, a test's notebook.
///
/// `begin` comes first and `finish` last. Positives arrive as `verdict` as soon as they are known;
/// what is folded arrives as `ports` just before its `host`. An `update` replaces the earlier verdict of
/// the same endpoint; what was told is otherwise not taken back.
pub trait Sink {
    /// The scan starts.
    fn begin(&mut self, _begin: &Begin) -> io::Result<()> {
        Ok(())
    }

    /// A host is finished.
    fn host(&mut self, _host: &HostReport) -> io::Result<()> {
        Ok(())
    }

    /// One endpoint is settled.
    fn verdict(&mut self, verdict: &Verdict) -> io::Result<()>;

    /// Endpoints alike are settled.
    fn ports(&mut self, group: &Group) -> io::Result<()>;

    /// An earlier verdict is replaced.
    fn update(&mut self, verdict: &Verdict) -> io::Result<()>;

    /// Something to know beside the verdicts.
    fn warning(&mut self, _warning: &Warning) -> io::Result<()> {
        Ok(())
    }

    /// How far the scan has come: nothing that anybody has to keep.
    fn progress(&mut self, _progress: &Progress) -> io::Result<()> {
        Ok(())
    }

    /// The scan is over; everything buffered is to be written.
    fn finish(&mut self, finish: &Finish) -> io::Result<()>;
}
