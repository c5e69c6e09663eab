//! The first bytes of a bundle: a cpio archive ("new ASCII" format, with or without
//! checksums) with the description, its signature and then the image, in this order.
//!
//! Looked at before the update engine is started, so that nonsense is refused at once.
//! Nothing found here is trusted: whether the bundle is good is for the engine to say,
//! who goes by the signature.

use super::board;
use super::complaint::Complaint;

/// The head is complete within so many bytes, or it is none: the engine's own limit on
/// the description is lower than ours.
pub const MAX_HEAD: usize = 64 << 10;
const MAX_DESCRIPTION: u64 = 32 << 10;
const MAX_SIGNATURE: u64 = 16 << 10;
/// Of one member: six bytes of magic, 13 numbers of eight hexadecimal digits.
const HEADER: usize = 110;
const MAX_NAME: u64 = 256;

/// What the head says of the bundle.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contents {
    /// As the description has it, if it can be one.
    pub version: Option<String>,
    /// Bytes of the image.
    pub image: u64,
}

/// Looks at the first `bytes` of a bundle of `size` bytes for a slot of `room` bytes;
/// `None`: more of them are needed, at most [`MAX_HEAD`].
pub fn look(bytes: &[u8], size: u64, room: u64) -> Result<Option<Contents>, Complaint> {
    match read(bytes, size, room)? {
        Some(contents) => Ok(Some(contents)),
        None if bytes.len() as u64 >= size => Err(Complaint::Cut),
        None if bytes.len() >= MAX_HEAD => Err(Complaint::NoBundle),
        None => Ok(None),
    }
}

fn read(bytes: &[u8], size: u64, room: u64) -> Result<Option<Contents>, Complaint> {
    let Some(description) = member(bytes, 0)? else {
        return Ok(None);
    };
    if description.name != b"sw-description" || description.size > MAX_DESCRIPTION {
        return Err(Complaint::NoBundle);
    }
    description.fits(size)?;
    let Some(signature) = member(bytes, description.end())? else {
        return Ok(None);
    };
    if signature.name != b"sw-description.sig" {
        return Err(Complaint::Unsigned);
    }
    if signature.size > MAX_SIGNATURE {
        return Err(Complaint::Damaged);
    }
    signature.fits(size)?;
    let Some(image) = member(bytes, signature.end())? else {
        return Ok(None);
    };
    if image.size > room {
        return Err(Complaint::TooLarge);
    }
    image.fits(size)?;
    let text = &bytes[description.data as usize..][..description.size as usize];
    Ok(Some(Contents {
        version: version(text).map(String::from),
        image: image.size,
    }))
}

/// One member of the archive; places are in bytes from its beginning.
struct Member<'a> {
    name: &'a [u8],
    data: u64,
    size: u64,
}

impl Member<'_> {
    fn end(&self) -> u64 {
        aligned(self.data + self.size)
    }

    fn fits(&self, size: u64) -> Result<(), Complaint> {
        match self.data + self.size <= size {
            true => Ok(()),
            false => Err(Complaint::Cut),
        }
    }
}

fn member(bytes: &[u8], at: u64) -> Result<Option<Member<'_>>, Complaint> {
    let Some(rest) = usize::try_from(at).ok().and_then(|at| bytes.get(at..)) else {
        return Ok(None);
    };
    // What begins otherwise needs no more bytes to be told.
    let magic = &rest[..rest.len().min(6)];
    if !b"070701".starts_with(magic) && !b"070702".starts_with(magic) {
        return Err(match at {
            0 => Complaint::NoBundle,
            _ => Complaint::Damaged,
        });
    }
    let Some(header) = rest.get(..HEADER) else {
        return Ok(None);
    };
    let number = |index: usize| hexadecimal(&header[6 + 8 * index..][..8]);
    let (size, name_size) = (number(6)?, number(11)?);
    if !(2..=MAX_NAME).contains(&name_size) {
        return Err(Complaint::Damaged);
    }
    let Some(name) = rest.get(HEADER..HEADER + name_size as usize) else {
        return Ok(None);
    };
    let Some((0, name)) = name.split_last() else {
        return Err(Complaint::Damaged);
    };
    let data = aligned(at + HEADER as u64 + name_size);
    Ok(Some(Member { name, data, size }))
}

fn aligned(at: u64) -> u64 {
    at.next_multiple_of(4)
}

fn hexadecimal(digits: &[u8]) -> Result<u64, Complaint> {
    // from_str_radix would take a sign, too.
    let text = std::str::from_utf8(digits)
        .ok()
        .filter(|text| text.bytes().all(|byte| byte.is_ascii_hexdigit()));
    text.and_then(|text| u64::from_str_radix(text, 16).ok())
        .ok_or(Complaint::Damaged)
}

/// Of the first line `version = "..."`.
fn version(description: &[u8]) -> Option<&str> {
    let text = std::str::from_utf8(description).ok()?;
    let mut lines = text.lines().map(str::trim);
    let value = lines.find_map(|line| {
        let value = line.strip_prefix("version")?.trim_start();
        value.strip_prefix('=')
    })?;
    let value = value.trim().strip_suffix(';').unwrap_or(value).trim();
    board::plausible_version(value.strip_prefix('"')?.strip_suffix('"')?)
}

/// Bundles for tests.
#[cfg(test)]
pub(crate) mod sample {
    const DESCRIPTION: &str =
        "software =\n{\n\tversion = \"1.2.3-rc1\";\n\tfloor = \"0.1.0\";\n};\n";

    fn put(archive: &mut Vec<u8>, name: &str, size: u64, data: &[u8]) {
        let mut numbers = [0; 13];
        (numbers[6], numbers[11]) = (size, name.len() as u64 + 1);
        archive.extend(b"070702");
        for number in numbers {
            archive.extend(format!("{number:08X}").bytes());
        }
        archive.extend(name.bytes());
        archive.push(0);
        archive.resize(archive.len().next_multiple_of(4), 0);
        archive.extend(data);
        archive.resize(archive.len().next_multiple_of(4), 0);
    }

    /// Its members' names, and the image's size as it is claimed; 1000 bytes come.
    pub fn bundle(names: [&str; 3], image: u64) -> Vec<u8> {
        let mut archive = Vec::new();
        let description = DESCRIPTION.as_bytes();
        put(
            &mut archive,
            names[0],
            description.len() as u64,
            description,
        );
        put(&mut archive, names[1], 700, &[9; 700]);
        put(&mut archive, names[2], image, &[7; 1000]);
        archive
    }

    pub const NAMES: [&str; 3] = ["sw-description", "sw-description.sig", "rootfs.squashfs"];
}

#[cfg(test)]
mod tests {
    use super::sample::{NAMES, bundle};
    use super::*;

    const ROOM: u64 = 48 << 20;
    #[test]
    fn a_head_is_read_however_it_comes() {
        let archive = bundle(NAMES, 1000);
        let size = archive.len() as u64;
        let expected = Contents {
            version: Some("1.2.3-rc1".into()),
            image: 1000,
        };
        // The image's header ends in two bytes of padding, which are not waited for.
        let head = archive.len() - 1000 - 2;
        for length in 0..archive.len() {
            let looked = look(&archive[..length], size, ROOM);
            let complete = (length >= head).then(|| expected.clone());
            assert_eq!(looked, Ok(complete), "{length}");
        }
    }

    #[test]
    fn nonsense_is_refused_at_once() {
        let [description, signature, image] = NAMES;
        let size = 2000;
        for (bytes, complaint) in [
            (b"\x7fELF".to_vec(), Complaint::NoBundle),
            (b"07070".repeat(3000), Complaint::NoBundle),
            (
                bundle([image, description, signature], 1000),
                Complaint::NoBundle,
            ),
            (
                bundle([description, image, signature], 1000),
                Complaint::Unsigned,
            ),
            (bundle(NAMES, 0xffff_ffff), Complaint::TooLarge),
            (bundle(NAMES, ROOM + 1), Complaint::TooLarge),
            (bundle(NAMES, 2000), Complaint::Cut),
        ] {
            assert_eq!(look(&bytes, size, ROOM), Err(complaint));
        }
        let mut odd = bundle(NAMES, 1000);
        odd[6 + 8 * 6] = b'+';
        assert_eq!(look(&odd, size, ROOM), Err(Complaint::Damaged));
    }

    #[test]
    fn what_ends_within_its_head_is_cut() {
        let archive = bundle(NAMES, 1000);
        for length in [0, 5, 100, 300, 900] {
            let looked = look(&archive[..length], length as u64, ROOM);
            assert_eq!(looked, Err(Complaint::Cut), "{length}");
        }
    }

    #[test]
    fn a_version_that_is_none_is_not_shown() {
        for text in [
            "",
            "version = 1",
            "version = \"a b\";",
            "version: \"1.0.0\"",
        ] {
            assert_eq!(version(text.as_bytes()), None, "{text}");
        }
    }
}
