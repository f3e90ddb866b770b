use std::path::absolute;

use crate::step::{cargo, root, run};

/// Packs the files of the IEEE's registries in `folder` into the listing that portolan brings.
///
/// The IEEE gives them out at <https://standards-oui.ieee.org/>, and Debian's package `ieee-data` has them in
/// `/usr/share/ieee-data`. The date that portolan keeps is that of `oui.csv`.
pub(crate) fn write(folder: &str) -> Result<(), String> {
    let folder = absolute(folder).map_err(|error| format!("{folder}: {error}"))?;
    let mut command = cargo("run --package portolan-target --example vendors --");
    command.arg(folder).arg(root().join("crates/portolan-target/data/vendors.bin"));
    run(command)
}
