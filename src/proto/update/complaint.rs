//! What can be wrong with a bundle, found by us in its first bytes or heard from the
//! update engine, and the words for it.

/// Why a bundle is not installed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Complaint {
    /// It is something else.
    NoBundle,
    /// Nothing vouches for it.
    Unsigned,
    /// Signed by somebody else, or changed since.
    Signature,
    /// For other hardware.
    Hardware,
    /// Older than what this camera still takes.
    TooOld,
    /// It would not fit, or claims so.
    TooLarge,
    /// Its end is missing.
    Cut,
    /// Its bytes are not those that were signed.
    Damaged,
    /// What was written is not what can be read.
    Card,
}

impl Complaint {
    /// For the camera's owner.
    pub fn words(self) -> &'static str {
        match self {
            Complaint::NoBundle => "This is not an update bundle (a file mimamori-VERSION.swu).",
            Complaint::Unsigned => "The bundle is not signed.",
            Complaint::Signature => {
                "The bundle is signed by a key that this camera does not trust, or it was changed after it was signed."
            }
            Complaint::Hardware => "The bundle is for other hardware than this camera's.",
            Complaint::TooOld => {
                "The bundle's version is older than the oldest that this camera still takes."
            }
            Complaint::TooLarge => "The bundle is larger than a slot of this camera's card.",
            Complaint::Cut => "The end of the bundle is missing: it was cut off on its way.",
            Complaint::Damaged => {
                "The bundle is damaged: its contents are not what its checksums say."
            }
            Complaint::Card => {
                "What was written to the card reads back differently: the card is perhaps worn out."
            }
        }
    }

    /// Whether it is the bundle's fault; else it is the camera's.
    pub fn is_refusal(self) -> bool {
        self != Complaint::Card
    }
}

/// Longest line of the engine's that is looked at, in bytes.
pub const MAX_LINE: usize = 512;

/// What SWUpdate 2022.12 says, and what is meant. Several may come; the first one is the
/// cause and the others follow from it.
const SAYS: [(&str, Complaint); 12] = [
    (
        "Authentication of all signatures failed",
        Complaint::Signature,
    ),
    ("Signature verification failed", Complaint::Signature),
    (
        "cannot be parsed as DER-encoded CMS signature",
        Complaint::Signature,
    ),
    (
        "description file name not the first of the list",
        Complaint::Unsigned,
    ),
    ("SW not compatible with hardware", Complaint::Hardware),
    ("HW compatibility not found", Complaint::Hardware),
    ("No downgrading allowed", Complaint::TooOld),
    ("CPIO Format not recognized", Complaint::NoBundle),
    ("Checksum WRONG", Complaint::Damaged),
    ("HASH mismatch", Complaint::Damaged),
    ("CPIO Header corrupted", Complaint::Damaged),
    ("Required image file", Complaint::Cut),
];

/// Listens to the engine, line by line.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Heard {
    complaint: Option<Complaint>,
    error: Option<String>,
}

impl Heard {
    pub fn line(&mut self, line: &[u8]) {
        let line = &line[..line.len().min(MAX_LINE)];
        let line = String::from_utf8_lossy(line);
        // The reading back goes by the same checksum, so this one explains an earlier one.
        if line.contains("[readback_postinst]") && line.contains("fail") {
            self.complaint = Some(Complaint::Card);
        }
        let said = SAYS.iter().find(|(words, _)| line.contains(words));
        self.complaint = self.complaint.or(said.map(|(_, complaint)| *complaint));
        if line.starts_with("[ERROR]") && self.error.is_none() {
            let words = line.rsplit(" : ").next().unwrap_or(&line);
            let words: String = words.replace(char::is_control, " ");
            self.error = Some(words.trim().chars().take(200).collect());
        }
    }

    pub fn complaint(&self) -> Option<Complaint> {
        self.complaint
    }

    /// Why the engine ended without success, in words for the camera's owner.
    pub fn words(&self) -> String {
        match (self.complaint, &self.error) {
            (Some(complaint), _) => complaint.words().into(),
            (None, Some(error)) => format!("The update could not be installed: {error}."),
            (None, None) => "The update could not be installed.".into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heard(lines: &[&str]) -> Heard {
        let mut heard = Heard::default();
        for line in lines {
            heard.line(line.as_bytes());
        }
        heard
    }

    #[test]
    fn the_first_thing_said_is_the_cause() {
        let failed = "[ERROR] : SWUPDATE failed [0] ERROR : ";
        for (words, complaint) in [
            (
                "Authentication of all signatures failed",
                Complaint::Signature,
            ),
            ("HW compatibility not found", Complaint::Hardware),
            (
                "No downgrading allowed: new version 0.2.0 <= installed 0.3.0",
                Complaint::TooOld,
            ),
            (
                "CPIO Format not recognized: magic not found",
                Complaint::NoBundle,
            ),
            (
                "Checksum WRONG ! Computed 0x1, it should be 0x2",
                Complaint::Damaged,
            ),
            (
                "Required image file rootfs.squashfs missing...aborting !",
                Complaint::Cut,
            ),
        ] {
            let lines = [
                "[TRACE] : SWUPDATE running :  [extract_file_to_tmp] : Found file".into(),
                format!("{failed}{words}"),
                format!("{failed}HASH mismatch : 1 <--> 2"),
                "[ERROR] : SWUPDATE failed [1] Image invalid or corrupted. Not installing ..."
                    .into(),
            ];
            let heard = heard(&lines.iter().map(String::as_str).collect::<Vec<_>>());
            assert_eq!(heard.complaint(), Some(complaint), "{words}");
            assert_eq!(heard.words(), complaint.words());
        }
    }

    #[test]
    fn a_bundle_without_a_signature_is_told_by_a_trace() {
        let line = "[TRACE] : SWUPDATE running :  [extract_file_to_tmp] : description file name not the first of the list: rootfs.squashfs instead of sw-description.sig";
        assert_eq!(heard(&[line]).complaint(), Some(Complaint::Unsigned));
    }

    #[test]
    fn what_reads_back_differently_is_the_cards_fault() {
        let heard = heard(&[
            "[ERROR] : SWUPDATE failed [0] ERROR : HASH mismatch : 1 <--> 2",
            "[ERROR] : SWUPDATE failed [0] ERROR core/x.c : [readback_postinst] : Readback verification failed",
        ]);
        assert_eq!(heard.complaint(), Some(Complaint::Card));
        assert!(!Complaint::Card.is_refusal() && Complaint::Cut.is_refusal());
    }

    #[test]
    fn what_is_not_known_is_told_in_the_engines_words() {
        let unknown = heard(&[
            "[INFO ] : No SWUPDATE running",
            "[ERROR] : SWUPDATE failed [0] ERROR : cannot write 512 bytes: No space left on device",
            "[ERROR] : SWUPDATE failed [0] ERROR : SWUpdate *failed* !",
        ]);
        assert_eq!(unknown.complaint(), None);
        assert!(unknown.words().contains("No space left on device"));
        assert!(heard(&[]).words().ends_with("installed."));
        let long = format!("[ERROR]{}\u{7}", "x".repeat(5000));
        assert!(heard(&[&long]).words().len() < 300);
    }
}
