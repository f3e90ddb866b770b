/// The smallest, the middle and the largest of some figures.
#[derive(Copy, Clone, PartialEq, Debug)]
pub(crate) struct Spread {
    pub(crate) min: f64,
    pub(crate) median: f64,
    pub(crate) max: f64,
}

impl Spread {
    /// `None` of nothing. The median of an even count is the mean of the two in the middle.
    pub(crate) fn of(figures: impl IntoIterator<Item = f64>) -> Option<Self> {
        let mut sorted: Vec<f64> = figures.into_iter().collect();
        sorted.sort_by(f64::total_cmp);
        let (min, max) = (*sorted.first()?, *sorted.last()?);
        let upper = sorted.len() / 2;
        let lower = (sorted.len() - 1) / 2;
        Some(Spread { min, median: f64::midpoint(sorted[lower], sorted[upper]), max })
    }

    /// `0.87 [0.80..0.95]`; one figure if all are alike.
    pub(crate) fn show(self, decimals: usize) -> String {
        let text = |figure: f64| format!("{figure:.decimals$}");
        let (min, median, max) = (text(self.min), text(self.median), text(self.max));
        if min == max { median } else { format!("{median} [{min}..{max}]") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_in_the_middle() {
        assert_eq!(Spread::of([]), None);
        assert_eq!(Spread::of([3.0, 1.0, 2.0]), Some(Spread { min: 1.0, median: 2.0, max: 3.0 }));
        assert_eq!(Spread::of([4.0, 1.0, 2.0, 3.0]), Some(Spread { min: 1.0, median: 2.5, max: 4.0 }));
        assert_eq!(Spread::of([5.0]), Some(Spread { min: 5.0, median: 5.0, max: 5.0 }));
    }

    #[test]
    fn figures_alike_are_said_once() {
        let show = |figures: &[f64]| Spread::of(figures.iter().copied()).unwrap().show(2);
        assert_eq!(show(&[0.87, 0.8, 0.95]), "0.87 [0.80..0.95]");
        assert_eq!(show(&[1.001, 1.002]), "1.00");
    }
}
