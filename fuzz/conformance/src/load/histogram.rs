//! Latencies, counted in buckets that are at most a thirty-second of their value wide.

/// Buckets for each power of two.
const FINE: u64 = 32;
/// Powers of two: the last bucket begins at an hour.
const POWERS: usize = 28;

/// How often which latency was seen, in microseconds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Histogram {
    buckets: Vec<u32>,
    max: u64,
}

impl Histogram {
    pub(super) fn new() -> Self {
        Self {
            buckets: vec![0; POWERS * FINE as usize],
            max: 0,
        }
    }

    pub(super) fn add(&mut self, micros: u64) {
        let last = self.buckets.len() - 1;
        if let Some(bucket) = self.buckets.get_mut(index(micros).min(last)) {
            *bucket += 1;
        }
        self.max = self.max.max(micros);
    }

    pub(super) fn merge(&mut self, other: &Self) {
        for (mine, theirs) in self.buckets.iter_mut().zip(&other.buckets) {
            *mine += theirs;
        }
        self.max = self.max.max(other.max);
    }

    pub(super) fn max(&self) -> u64 {
        self.max
    }

    /// The latency that `share` of all stay under, in microseconds; 0 when there are none.
    pub(super) fn quantile(&self, share: f64) -> u64 {
        let total: u64 = self.buckets.iter().map(|&count| u64::from(count)).sum();
        let rank = (total as f64 * share).ceil() as u64;
        let mut seen = 0;
        for (index, &count) in self.buckets.iter().enumerate() {
            seen += u64::from(count);
            if count > 0 && seen >= rank {
                return end(index).min(self.max);
            }
        }
        self.max
    }
}

/// The first two powers of [`FINE`] are exact; above, five bits after the leading one choose the bucket.
fn index(micros: u64) -> usize {
    if micros < FINE {
        return micros as usize;
    }
    let shift = micros.ilog2() - FINE.ilog2();
    let power = u64::from(shift) + 1;
    (power * FINE + ((micros >> shift) - FINE)) as usize
}

/// The largest latency of a bucket.
fn end(index: usize) -> u64 {
    let (power, place) = (index as u64 / FINE, index as u64 % FINE);
    match power {
        0 => place,
        _ => ((FINE + place + 1) << (power - 1)) - 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_latency_lies_in_its_bucket() {
        for micros in (0..5_000).chain((5_000..2_000_000).step_by(977)) {
            let index = index(micros);
            assert!(micros <= end(index));
            assert!(index == 0 || micros > end(index - 1));
        }
    }

    #[test]
    fn quantiles_are_near_the_truth() {
        let mut histogram = Histogram::new();
        for micros in 1..=10_000 {
            histogram.add(micros);
        }
        let near = |got: u64, want: u64| got >= want && got - want <= want / 32 + 1;
        assert!(near(histogram.quantile(0.5), 5_000));
        assert!(near(histogram.quantile(0.99), 9_900));
        assert_eq!(histogram.max(), 10_000);
        assert_eq!(Histogram::new().quantile(0.5), 0);
    }
}
