import { MORE_OPERATIONS, OPERATIONS } from './arbitrary.mjs'

/** What both cli.mjs and main.mjs understand. */
export const OPTIONS = {
  programs: { type: 'string', default: '300' },
  seed: { type: 'string', default: '1' },
  first: { type: 'string', default: '0' },
  steps: { type: 'string', default: '40' },
  unit: { type: 'string', default: '1' },
  only: { type: 'string' },
  also: { type: 'string' },
  replay: { type: 'string' },
  expected: { type: 'string' },
  profile: { type: 'string', default: '7.3' },
  'shrink-seconds': { type: 'string', default: '120' },
  'max-failures': { type: 'string', default: '1' },
  'sim-only': { type: 'boolean', default: false },
  json: { type: 'boolean', default: false },
}

/** A whole number, 0 or more. */
export function asNumber(name, text) {
  const value = Number(text)
  if (Number.isSafeInteger(value) && value >= 0) return value
  throw new TypeError(`--${name} takes a number, not '${text}'`)
}

/** Which programs a run has. */
export function whichPrograms(values) {
  return {
    count: asNumber('programs', values.programs),
    first: asNumber('first', values.first),
    seed: asNumber('seed', values.seed),
    steps: asNumber('steps', values.steps),
    unit: unitOf(values.unit),
    only: names('only', values.only, OPERATIONS),
    also: names('also', values.also, MORE_OPERATIONS),
  }
}

/** Pages that each page of a program stands for: two of them divide a huge page. */
function unitOf(text) {
  const unit = asNumber('unit', text)
  if (UNITS.includes(unit)) return unit
  throw new TypeError(`--unit takes one of ${UNITS.join(', ')}, not '${text}'`)
}

const UNITS = [1, 2, 4, 8, 16, 32, 64, 128]

/** Names of operations, all of them known. */
function names(option, text, known) {
  const list = text?.split(',')
  for (const name of list ?? [])
    if (!known.includes(name))
      throw new TypeError(`--${option} takes some of ${known.join(', ')}, not '${name}'`)
  return list
}
