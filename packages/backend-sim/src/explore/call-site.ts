/** Frames of these files are not the author's. */
const OWN =
  /[\\/](?:hmm-api|backend-sim)[\\/](?:src|dist)[\\/]|node:internal|[\\/]node_modules[\\/]/

/**
 * `file:line` of the innermost frame that belongs to the driver or the scenario. Costs
 * microseconds: for runs that are recorded only.
 */
export function callSite(): string | undefined {
  const holder = Error as { stackTraceLimit?: number }
  const limit = holder.stackTraceLimit
  holder.stackTraceLimit = 40
  const { stack = '' } = new Error()
  if (limit !== undefined) holder.stackTraceLimit = limit
  for (const line of stack.split('\n').slice(1)) {
    const match = /(?:\(|at |@)(?:async )?((?:file:\/\/)?[^()\s]+?):(\d+):\d+\)?$/.exec(line.trim())
    if (match === null || OWN.test(match[1]!)) continue
    return `${match[1]!.split(/[\\/]/).pop()}:${match[2]}`
  }
  return undefined
}
