/**
 * Finds in a kernel log what no test may cause.
 *
 * DMAR faults are a device's access that the IOMMU refused. A test that provokes them writes
 * `hmm-sdk: expect-dmar begin` to /dev/kmsg before and `hmm-sdk: expect-dmar end` after them (words may
 * follow, they name the case); faults outside such a pair are splats. The kernel prints a fault from an
 * interrupt: wait until the fault has shown before writing the end.
 *
 * @typedef {'panic' | 'oops' | 'bug' | 'warning' | 'lockdep' | 'kasan' | 'kcsan' | 'kmsan' | 'ubsan'
 *   | 'dma-api' | 'hung-task' | 'rcu-stall' | 'lockup' | 'refcount' | 'protection-fault' | 'page-state'
 *   | 'kmemleak' | 'dmar-fault'} SplatKind
 *
 * @typedef {object} Splat
 * @property {SplatKind} kind
 * @property {number} line Counted from 1.
 * @property {string} text The line without its time.
 * @property {string[]} excerpt The lines around it.
 *
 * @typedef {object} DmarFault
 * @property {number} line
 * @property {string} text
 * @property {boolean} expected
 *
 * @typedef {object} KernelLogReport
 * @property {Splat[]} splats
 * @property {DmarFault[]} dmarFaults
 */

/** Each pattern sees the line without its time and caller; the first that matches names the splat. */
const PATTERNS = /** @type {readonly (readonly [SplatKind, RegExp])[]} */ ([
  ['panic', /^Kernel panic - not syncing/u],
  ['kasan', /\bKASAN: (?!.*(?:initialized|enabled))/u],
  ['kcsan', /\bKCSAN: (?!.*(?:enabled|initialized|selftest|strict mode|non-strict))/u],
  ['kmsan', /\bKMSAN: (?!.*(?:enabled|initialized))/u],
  ['ubsan', /^UBSAN: /u],
  [
    'lockdep',
    /^(?:WARNING|INFO): (?:possible (?:circular|recursive|irq lock)|inconsistent lock state|suspicious RCU usage|(?:SOFTIRQ|HARDIRQ|RECLAIM_FS|FS_RECLAIM)\S* *-safe|bad unlock balance|Nested lock was not taken|held lock freed|trying to register non-static key|lock held when returning)/iu,
  ],
  ['lockdep', /^\[ BUG: /u],
  [
    'lockdep',
    /^(?:INFO: lockdep is turned off|turning off the locking correctness validator|DEBUG_LOCKS_WARN_ON|BUG: (?:MAX_LOCK|key \S+ (?:not in|has not)))/u,
  ],
  [
    'rcu-stall',
    /\brcu\S*:? (?:INFO: )?.*(?:detected (?:expedited )?stalls|self-detected stall|kthread starved|kthread timer wakeup didn't happen)/u,
  ],
  ['lockup', /^(?:watchdog: )?BUG: soft lockup|hard LOCKUP/u],
  ['hung-task', /^INFO: task .* blocked (?:for more than|in I\/O wait for more than)/u],
  ['refcount', /^refcount_t: /u],
  ['protection-fault', /^(?:Oops: )?general protection fault/u],
  ['oops', /^Oops:|^BUG: kernel NULL pointer|^(?:BUG: )?unable to handle /iu],
  [
    'page-state',
    /^BUG: (?:Bad (?:page|rss-counter)|non-zero pgtables)|^page dumped because|^list_(?:add|del) corruption/u,
  ],
  ['bug', /^(?:kernel )?BUG(?: at |: )/u],
  [
    'dma-api',
    /\bDMA-API: (?!preallocated|debugging |nr_|dma_debug_entry|.*(?:allocated \d+|disabled|enabled))/u,
  ],
  ['kmemleak', /^kmemleak: \d+ new suspected memory leaks?|^unreferenced object(?: ?\(\w+\))? 0x/u],
  ['warning', /^(?:-+\[ cut here \]-+|WARNING:? )/u],
])

/** `[   12.345678] `, with the caller (`[  T123]`) that debug kernels add. */
const TIME = /^(?:<\d+>)?\[\s*\d+\.\d+\]\s?(?:\[\s*[TC]\d+\]\s?)?/u

const DMAR_FAULT = /^DMAR: \[(?:DMA|INTR-REMAP)|^DMAR: .*\bfault addr\b/u
const MARKER = /\bhmm-sdk: expect-dmar (begin|end)\b/u
const CUT_HERE = /^-+\[ cut here \]-+/u

const LINES_BEFORE = 2
const LINES_AFTER = 25
// One accident prints many lines that look like accidents: they belong to the first.
const SAME_ACCIDENT_LINES = 60
const SAME_ACCIDENT_END = /^---\[ end (?:trace|Kernel panic)/u

/**
 * @param {string} log
 * @returns {KernelLogReport}
 */
export function scanKernelLog(log) {
  const lines = log.split(/\r*\n/u)
  /** @type {KernelLogReport} */
  const report = { splats: [], dmarFaults: [] }
  let expecting = false
  let accidentUntil = -1
  lines.forEach((whole, index) => {
    const text = whole.replace(TIME, '')
    const marker = MARKER.exec(text)?.[1]
    if (marker !== undefined) {
      expecting = marker === 'begin'
      return
    }
    if (DMAR_FAULT.test(text)) {
      report.dmarFaults.push({ line: index + 1, text, expected: expecting })
      if (!expecting) addSplat('dmar-fault', index, text)
      return
    }
    if (index <= accidentUntil) {
      if (SAME_ACCIDENT_END.test(text)) accidentUntil = -1
      // A panic is news even within an accident.
      if (!text.startsWith('Kernel panic')) return
    }
    const kind = PATTERNS.find(([, pattern]) => pattern.test(text))?.[0]
    if (kind === undefined) return
    accidentUntil = startsAccident(index, kind) ? index + SAME_ACCIDENT_LINES : accidentUntil
    if (CUT_HERE.test(text)) return addCutHere(index)
    addSplat(kind, index, text)
  })
  return report

  /**
   * @param {number} index
   * @param {SplatKind} kind
   */
  function startsAccident(index, kind) {
    if (kind === 'panic') return true
    const after = lines.slice(index + 1, index + 12).map((line) => line.replace(TIME, ''))
    return after.some((line) => /^(?:Call Trace:|CPU: \d+|Modules linked in:|RIP: )/u.test(line))
  }

  /** The line after `cut here` says what happened. @param {number} index */
  function addCutHere(index) {
    const text = lines[index + 1]?.replace(TIME, '') ?? ''
    const kind = PATTERNS.find(([, pattern]) => pattern.test(text))?.[0] ?? 'warning'
    addSplat(kind, index, text)
  }

  /**
   * @param {SplatKind} kind
   * @param {number} index
   * @param {string} text
   */
  function addSplat(kind, index, text) {
    const excerpt = lines.slice(Math.max(0, index - LINES_BEFORE), index + LINES_AFTER)
    report.splats.push({ kind, line: index + 1, text, excerpt })
  }
}

/**
 * Some lines for people: what was found, and the log around the first of them.
 *
 * @param {readonly Splat[]} splats
 */
export function describeSplats(splats) {
  const list = splats
    .slice(0, 10)
    .map(({ kind, line, text }) => `  ${kind} (line ${line}): ${text}`)
  const more = splats.length > list.length ? [`  and ${splats.length - list.length} more`] : []
  return [...list, ...more, ...(splats[0]?.excerpt ?? []).map((line) => `  | ${line}`)].join('\n')
}
