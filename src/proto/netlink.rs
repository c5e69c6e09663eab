//! Generic netlink's messages (linux/netlink.h, linux/genetlink.h).

const REQUEST: u16 = 1;
const ACK: u16 = 4;
const ERROR: u16 = 2;
const HEADER: usize = 16;
const GENERIC_HEADER: usize = 4;

/// Attributes to be sent.
#[derive(Clone, Debug, Default)]
pub struct Attributes(Vec<u8>);

impl Attributes {
    pub fn number(self, kind: u16, value: u32) -> Attributes {
        self.bytes(kind, &value.to_ne_bytes())
    }

    /// With the zero at its end.
    pub fn text(self, kind: u16, text: &str) -> Attributes {
        let mut bytes = text.as_bytes().to_vec();
        bytes.push(0);
        self.bytes(kind, &bytes)
    }

    pub fn bytes(mut self, kind: u16, bytes: &[u8]) -> Attributes {
        self.0.extend((bytes.len() as u16 + 4).to_ne_bytes());
        self.0.extend(kind.to_ne_bytes());
        self.0.extend(bytes);
        self.0.resize(self.0.len().next_multiple_of(4), 0);
        self
    }
}

/// A request with a receipt.
pub fn request(family: u16, command: u8, attributes: &Attributes) -> Vec<u8> {
    let length = HEADER + GENERIC_HEADER + attributes.0.len();
    let mut bytes = Vec::with_capacity(length);
    bytes.extend((length as u32).to_ne_bytes());
    bytes.extend(family.to_ne_bytes());
    bytes.extend((REQUEST | ACK).to_ne_bytes());
    // Sequence and sender: one request at a time needs neither.
    bytes.extend([0; 8]);
    bytes.extend([command, 1, 0, 0]);
    bytes.extend(&attributes.0);
    bytes
}

/// What the kernel has sent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Message {
    /// Of a receipt: 0, or what went wrong.
    pub error: Option<i32>,
    attributes: Vec<u8>,
}

impl Message {
    /// The first attribute of that kind.
    pub fn attribute(&self, kind: u16) -> Option<&[u8]> {
        let mut rest = self.attributes.as_slice();
        loop {
            let length = usize::from(u16::from_ne_bytes(rest.get(..2)?.try_into().ok()?));
            let this = u16::from_ne_bytes(rest.get(2..4)?.try_into().ok()?);
            let value = rest.get(4..length)?;
            // The two upper bits are flags.
            if this & 0x3fff == kind {
                return Some(value);
            }
            rest = rest.get(length.next_multiple_of(4)..)?;
        }
    }
}

/// The messages in what was received; what is cut off is left out.
pub fn messages(mut bytes: &[u8]) -> Vec<Message> {
    let mut messages = Vec::new();
    while let Some((message, length)) = first(bytes) {
        messages.push(message);
        bytes = bytes.get(length.next_multiple_of(4)..).unwrap_or_default();
    }
    messages
}

fn first(bytes: &[u8]) -> Option<(Message, usize)> {
    let length = u32::from_ne_bytes(bytes.get(..4)?.try_into().ok()?) as usize;
    let kind = u16::from_ne_bytes(bytes.get(4..6)?.try_into().ok()?);
    let body = bytes.get(HEADER..length)?;
    let message = if kind == ERROR {
        let code = i32::from_ne_bytes(body.get(..4)?.try_into().ok()?);
        Message {
            error: Some(code.saturating_neg()),
            attributes: Vec::new(),
        }
    } else {
        Message {
            error: None,
            attributes: body.get(GENERIC_HEADER..).unwrap_or_default().to_vec(),
        }
    };
    Some((message, length))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sent_can_be_read() {
        let attributes = Attributes::default().text(2, "nl80211").number(1, 28);
        let sent = request(16, 3, &attributes);
        assert_eq!(sent.len() % 4, 0);
        let read = messages(&[sent.clone(), sent.clone()].concat());
        assert_eq!(read.len(), 2);
        assert_eq!(read[1].attribute(2), Some(&b"nl80211\0"[..]));
        assert_eq!(read[1].attribute(1), Some(&28u32.to_ne_bytes()[..]));
        assert_eq!(read[1].attribute(9), None);
        for length in 0..sent.len() {
            for message in messages(&sent[..length]) {
                message.attribute(1);
            }
        }
    }

    #[test]
    fn receipts_are_told_from_answers() {
        let mut receipt = request(ERROR, 0, &Attributes::default());
        receipt[HEADER..].copy_from_slice(&(-16i32).to_ne_bytes());
        assert_eq!(messages(&receipt)[0].error, Some(16));
        assert!(messages(&[0; 64]).is_empty());
        assert!(messages(&[255; 64]).is_empty());
    }
}
