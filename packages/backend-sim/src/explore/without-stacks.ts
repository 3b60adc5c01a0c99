/**
 * Errors without stacks from now on: they cost more than the schedule that throws them, and what is
 * found runs once more with them. The returned function ends that.
 */
export function withoutStacks(): () => void {
  const holder = Error as { stackTraceLimit?: number }
  const limit = holder.stackTraceLimit
  if (limit === undefined) return () => undefined
  holder.stackTraceLimit = 0
  return () => {
    holder.stackTraceLimit = limit
  }
}
