/** A clock that is right cannot have come further than this beyond the time since QEMU was started. */
const TOLERANCE_MS = 1000

/**
 * Whether the guest's clock runs too fast. A kernel counts the ticks of the processor against a timer
 * while it boots; where the emulator gets no processor meanwhile, it finds too few, and may believe it.
 *
 * @param {string} uptime What /proc/uptime said.
 * @param {number} elapsedMs Since QEMU was started.
 */
export function clockRunsAhead(uptime, elapsedMs) {
  return Number.parseFloat(uptime) * 1000 > elapsedMs + TOLERANCE_MS
}
