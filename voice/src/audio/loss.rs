//! How much of somebody's sound got lost of late: what a person wants to know is how it is now.

use std::collections::VecDeque;

/// Over how many looks it is counted, besides the newest.
const LOOKS: usize = 5;

/// The frames that were played and that were missing, at the last few looks.
#[derive(Clone, Debug, Default)]
pub struct RecentLoss {
    looks: VecDeque<(u64, u64)>,
}

impl RecentLoss {
    /// Takes in how many frames were played and how many were missing from the beginning on. Answers what share of
    /// those of late was missing, in percent.
    pub fn look(&mut self, played: u64, missing: u64) -> f32 {
        let (first_played, first_missing) = self.looks.front().copied().unwrap_or_default();
        let lost = missing.saturating_sub(first_missing);
        let all = played.saturating_sub(first_played) + lost;
        if self.looks.len() >= LOOKS {
            self.looks.pop_front();
        }
        self.looks.push_back((played, missing));
        #[expect(clippy::cast_precision_loss, reason = "a figure for people")]
        let share = lost as f32 * 100.0 / all.max(1) as f32;
        share
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_long_ago_does_not_count() {
        let mut loss = RecentLoss::default();
        assert!(loss.look(0, 0).abs() < 0.1);
        assert!((loss.look(25, 25) - 50.0).abs() < 0.1);
        let (mut played, mut last) = (25, 100.0);
        for _ in 0..LOOKS {
            played += 50;
            let now = loss.look(played, 25);
            assert!(now < last);
            last = now;
        }
        assert!(last.abs() < 0.1, "{last}");
        // Somebody began anew.
        assert!(loss.look(3, 0).abs() < 0.1);
    }
}
