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
  'mmap munmap mprotect mremap madvise pageout read write write-across add exchange fork exit truncate punch create-file guard clear-soft-dirty soft-dirty'.split(
    ' ',
  ),
)

const RULES = [noPageOfSystemCalls]
