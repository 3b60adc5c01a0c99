/** CLOCK_MONOTONIC in nanoseconds, as the module uses it. */
export function nowNs(): number {
  return Number(process.hrtime.bigint())
}
