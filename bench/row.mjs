/**
 * One line of the benchmark's result.
 *
 * @typedef {object} Measurement
 * @property {string} name what was measured
 * @property {number} value the result, in `unit`
 * @property {string} unit for example `ns/page`
 * @property {number} [reference] what it is compared with, in the same unit, measured in the same run
 * @property {number} [bar] what `value / reference` (or `value`, without a reference) must keep to
 * @property {'lower' | 'higher'} [better] whether the bar is a maximum ('lower', the default) or a minimum
 */

/** Completes a measurement: its ratio to the reference, and whether it keeps to its bar; null for none. */
export function row({ name, value, unit, reference = null, bar = null, better = 'lower' }) {
  const ratio = reference === null ? null : value / reference
  const compared = ratio ?? value
  const ok = bar === null ? true : better === 'lower' ? compared <= bar : compared >= bar
  return { name, value, unit, reference, ratio, bar, better, ok }
}
