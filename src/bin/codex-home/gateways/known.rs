//! How a fact is known.

/// How a fact is known, the surest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Known {
    /// From a running gateway, or from the journal of its last start.
    Seen,
    /// From a file, or from systemd.
    Read,
    /// From what is usual.
    Assumed,
}

impl Known {
    /// Returns how a conclusion from both facts is known.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        self.max(other)
    }

    /// Returns whether a conclusion may be drawn.
    pub fn is_certain(self) -> bool {
        self != Self::Assumed
    }

    /// Returns the name in JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Seen => "seen",
            Self::Read => "read",
            Self::Assumed => "assumed",
        }
    }
}
