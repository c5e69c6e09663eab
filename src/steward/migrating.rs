//! Brings the settings in /data forward to this program's version, before they are read.

use crate::core::settings_version::{self, FILE, LIMIT, MIGRATIONS, Migration, Plan, VERSION};
use crate::io::steward::files;
use std::io;
use std::path::Path;

/// For what is secret in one of them.
const MODE: u32 = 0o600;

/// Never fails: a camera whose settings could not be brought forward runs all the same,
/// with defaults for what they lack, and tries again at its next start.
pub fn bring_forward(data: &Path) {
    bring_to(data, VERSION, MIGRATIONS);
}

fn bring_to(data: &Path, own: u32, all: &[Migration]) {
    let found = files::read(&data.join(FILE), LIMIT).unwrap_or_else(|error| {
        log::error!("{FILE}: {error}");
        None
    });
    match settings_version::plan(found.as_deref(), own) {
        Plan::Nothing => {}
        Plan::Newer(newer) => log::warn!(
            "the settings are of version {newer}, newer than {own}: what is not known stays as it is"
        ),
        Plan::Forward(from) => match forward(data, from, own, all) {
            Ok(()) => log::info!("the settings are of version {own} now"),
            Err(error) => log::error!("the settings stay at version {from}: {error}"),
        },
    }
}

/// The number last: what a cut of the power leaves undone is done again.
fn forward(data: &Path, from: u32, own: u32, all: &[Migration]) -> io::Result<()> {
    for step in settings_version::due(all, from) {
        take(data, step)?;
    }
    let number = settings_version::bytes(own);
    files::replace(&data.join(FILE), "settings-version.new", &number, 0o644)
}

/// A file that makes no sense is for its reader to deal with, and keeps nothing back.
fn take(data: &Path, step: &Migration) -> io::Result<()> {
    let path = data.join(step.file);
    let Some(old) = files::read(&path, LIMIT)? else {
        return Ok(());
    };
    match step.apply(&old) {
        Ok(None) => Ok(()),
        Ok(Some(new)) => {
            keep_before(data, step, &old)?;
            files::replace(&path, &format!("{}.new", step.file), &new, MODE)?;
            log::info!("{}: brought forward to version {}", step.file, step.to);
            Ok(())
        }
        Err(error) => {
            log::error!("{}: left as it is: {error}", step.file);
            Ok(())
        }
    }
}

fn keep_before(data: &Path, step: &Migration, old: &[u8]) -> io::Result<()> {
    let name = step.name_before();
    files::replace(&data.join(&name), &format!("{name}.new"), old, MODE)
}

#[cfg(test)]
mod tests;
