use portolan_model::{Group, HostReport, Progress, Verdict, Warning};

/// What the engine has to tell, in the order it is to be told.
#[derive(Clone, PartialEq, Debug)]
pub enum Settled {
    /// An endpoint is settled.
    Verdict(Box<Verdict>),
    /// An earlier verdict is replaced.
    Update(Box<Verdict>),
    /// Endpoints alike are settled.
    Group(Box<Group>),
    /// A host is finished.
    Host(Box<HostReport>),
    /// Something to know.
    Warning(Box<Warning>),
    /// How far the scan has come.
    Progress(Box<Progress>),
}
