// Random programs: fast-check arbitraries. A program of a run is the same for the same seed and number.
import fc from 'fast-check'
import { ARENA_PAGES, DEVICES, FILES, FILE_PAGES } from './program.mjs'

/** Mostly the pages around the boundary in the middle, so that steps meet each other. */
const at = fc.oneof(
  { weight: 3, arbitrary: fc.integer({ min: ARENA_PAGES / 2 - 4, max: ARENA_PAGES / 2 + 3 }) },
  { weight: 2, arbitrary: fc.nat(ARENA_PAGES - 1) },
)
const n = fc.oneof(
  { weight: 5, arbitrary: fc.integer({ min: 1, max: 4 }) },
  fc.integer({ min: 1, max: 12 }),
)
const p = fc.nat(2)
const d = fc.nat(DEVICES - 1)
const value = fc.nat(255)
const prot = fc.oneof(
  { weight: 5, arbitrary: fc.constant('rw') },
  { weight: 3, arbitrary: fc.constantFrom('r', 'r', 'none', 'w', 'rwx') },
)
const many = fc.integer({ min: 2, max: 16 })
const often = fc.constantFrom(false, false, true)
const seldom = fc.constantFrom(false, false, false, false, true)

const step = (op, fields) => fc.record({ op: fc.constant(op), ...fields })

/** Every kind of step: how often it comes, and what it is made of. */
const STEPS = {
  mmap: [8, {
    p, at, n: many, prot,
    map: fc.constantFrom('private', 'private', 'private', 'shared', 'file', 'file', 'file-private'),
    f: fc.nat(FILES - 1), fp: fc.nat(FILE_PAGES), populate: seldom,
  }],
  munmap: [2, { p, at, n }],
  mprotect: [4, { p, at, n, prot }],
  read: [4, { p, at }],
  write: [8, { p, at, value }],
  'write-across': [1, { p, at, value }],
  add: [1, { p, at, value }],
  exchange: [1, { p, at, value, expected: fc.nat(3) }],
  fault: [4, {
    p, d, at, n, request: fc.constantFrom('none', 'read', 'read', 'write'),
    per: fc.array(fc.tuple(fc.nat(11), fc.constantFrom('read', 'write')), { maxLength: 2 }),
  }],
  map: [8, { p, d, at, n, access: fc.constantFrom('read', 'write'), presentOnly: often }],
  unmap: [2, { p, d, at, n }],
  'device-read': [2, { p, d, at }],
  'device-write': [5, { p, d, at, value }],
  mirror: [2, { p, d, at: fc.constantFrom(0, 0, 0, 4, 20), n: fc.constantFrom(32, 32, 32, 16, 5) }],
  mremap: [3, {
    p, at, n, size: n, to: at, fixed: fc.constantFrom(true, true, false),
    keep: seldom,
  }],
  madvise: [4, {
    p, at, n, advice: fc.constantFrom('dontneed', 'dontneed', 'free', 'remove', 'cold', 'willneed', 'dontfork', 'dofork', 'hugepage', 'nohugepage', 'collapse'),
  }],
  pageout: [3, { p, at, n }],
  fork: [2, { p, d: fc.nat(DEVICES) }],
  exit: [1, { p, how: fc.constantFrom('exit', 'exit', 'kill', 'exec') }],
  'create-file': [1, { f: fc.nat(FILES - 1), size: fc.integer({ min: 1, max: FILE_PAGES }) }],
  truncate: [1, { f: fc.nat(FILES - 1), size: fc.nat(FILE_PAGES) }],
  punch: [1, { f: fc.nat(FILES - 1), at: fc.nat(FILE_PAGES - 1), n: fc.integer({ min: 1, max: 4 }) }],
  exclusive: [2, { p, d, at, n: fc.integer({ min: 1, max: 3 }) }],
  'device-add': [2, { p, d, at, value }],
  migrate: [5, { p, d, at, n, to: fc.constantFrom('device', 'device', 'system'), decline: fc.array(fc.nat(11), { maxLength: 1 }) }],
  evict: [1, { d }],
  'cpu-fault-pages': [1, { d, n: fc.constantFrom(1, 2, 4, 8) }],
} // prettier-ignore

/** Kinds of step that came later: only by `--also`, so that program N of seed S stays what it is. */
const MORE = {
  guard: [4, { p, at, n, remove: often }],
  'clear-soft-dirty': [3, { p }],
  'soft-dirty': [3, { p, at, n }],
}

/** The names of the operations, for `--only`. */
export const OPERATIONS = Object.keys(STEPS)
/** Those for `--also`. */
export const MORE_OPERATIONS = Object.keys(MORE)

function stepOf(names) {
  return fc.oneof(
    ...names.map((name) => {
      const [weight, fields] = STEPS[name] ?? MORE[name]
      return { weight, arbitrary: step(name, fields) }
    }),
  )
}

/** What a program begins with: memory in the middle of the arena, some of it with contents. */
const BEGINNING = [
  step('mmap', {
    p, at: fc.integer({ min: 4, max: 12 }), n: fc.integer({ min: 8, max: 20 }), prot: fc.constant('rw'),
    map: fc.constantFrom('private', 'private', 'private', 'shared', 'file', 'file-private'),
    f: fc.nat(FILES - 1), fp: fc.nat(1), populate: often,
  }),
  step('write', { p, at, value }),
  step('write', { p, at, value }),
] // prettier-ignore

/** Programs of exactly `steps` steps, which shrink to any shorter one. */
export function programs({ steps = 40, only = OPERATIONS, also = [] } = {}) {
  const any = stepOf([...only, ...also])
  const beginning = BEGINNING.slice(0, steps)
  const rest = Math.max(0, steps - beginning.length)
  const whole = fc
    .tuple(fc.tuple(...beginning), fc.array(any, { minLength: rest, maxLength: rest, size: 'max' }))
    .map(([first, then]) => [...first, ...then])
  const parts = fc.array(any, { maxLength: steps, size: 'max' })
  return new Shrinking(whole, parts).map(
    (list) => ({ steps: list }),
    (program) => program.steps,
  )
}

/** Values of one arbitrary, which shrink as those of another. */
class Shrinking extends fc.Arbitrary {
  #from
  #to

  constructor(from, to) {
    super()
    this.#from = from
    this.#to = to
  }

  generate(random, bias) {
    return this.#from.generate(random, bias)
  }

  canShrinkWithoutContext(value) {
    return this.#to.canShrinkWithoutContext(value)
  }

  shrink(value, context) {
    return this.#to.shrink(value, context)
  }
}
