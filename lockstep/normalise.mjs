// Legitimate differences, taken out of an observation before it is compared. Each rule is in NORMALISE.md
// with its reason. What a rule takes out is as little as its reason allows.

/** The observation of a step as it is compared. */
export function normalise(step, observation) {
  return RULES.reduce((seen, rule) => rule(step, seen), observation)
}

/** N1: system calls do not say which page was to blame. */
function noPageOfSystemCalls({ op }, observation) {
  const { result } = observation
  if (!SYSTEM_CALLS.has(op) || result?.page === undefined) return observation
  const { page: _, ...rest } = result
  return { ...observation, result: rest }
}

const SYSTEM_CALLS = new Set(
  'mmap munmap mprotect mremap madvise read write add exchange fork exit truncate punch'.split(' '),
)

/** N2: an exclusive grant that the device's own migration disturbed is taken again, or was not yet given. */
function noSecondGrant({ op }, observation) {
  if (op !== 'exclusive') return observation
  const mirrors = Object.entries(observation.mirrors ?? {}).map(([name, seen]) => {
    const { clear, 'self-exclusive': taken, 'self-migrate': moved, ...events } = seen.events
    if (clear === undefined || taken === undefined || moved === undefined) return [name, seen]
    const again = new Set(pagesOf(taken).filter((page) => pagesOf(moved).includes(page)))
    const left = pagesOf(clear).filter((page) => !again.has(page))
    const kept = { ...events, 'self-exclusive': taken, 'self-migrate': moved }
    return [
      name,
      { ...seen, events: left.length === 0 ? kept : { ...kept, clear: left.join(',') } },
    ]
  })
  return { ...observation, mirrors: Object.fromEntries(mirrors) }
}

const pagesOf = (text) => text.split(',')

const RULES = [noPageOfSystemCalls, noSecondGrant]
