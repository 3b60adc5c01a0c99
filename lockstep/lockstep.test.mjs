import { hash } from 'node:crypto'
import fc from 'fast-check'
import { BROKEN_BACKENDS } from '@hmm-sdk/hmm-api/conformance'
import { describe, expect, test } from 'vitest'
import { MORE_OPERATIONS, OPERATIONS, programs } from './arbitrary.mjs'
import { openSimulation } from './backends.mjs'
import { differences } from './compare.mjs'
import { Pair, hunt, numberedProgram, numberedPrograms } from './hunt.mjs'
import { normalise } from './normalise.mjs'
import { describeProgram, parseProgram } from './program.mjs'
import { reportDifference } from './report.mjs'

const open = { left: { backend: openSimulation }, right: { backend: openSimulation } }

function broken(name) {
  const { wrap } = BROKEN_BACKENDS.find((each) => each.name === name)
  return { left: { backend: openSimulation }, right: { backend: () => openSimulation({}, wrap) } }
}

/** Two sides of which each page of a program is 64. */
function large({ wrap }) {
  return {
    left: { backend: () => openSimulation({ unit: 64 }) },
    right: { backend: () => openSimulation({ unit: 64 }, wrap) },
  }
}

/** The first program on which the sides differ, shrunk. */
async function found(sides, options = {}) {
  const failures = []
  const pair = new Pair(sides)
  await hunt(pair, numberedPrograms({ count: 100, seed: 1, steps: 40, ...options }), {
    shrinkSeconds: 60, onFailure: (failure) => failures.push(failure), ...options,
  }) // prettier-ignore
  await pair.close()
  return failures[0]
}

describe('programs', () => {
  test('are the same for the same seed', () => {
    const [one, two, other] = [7, 7, 8].map(
      (seed) => fc.sample(programs(), { seed, numRuns: 1 })[0],
    )
    expect(one).toEqual(two)
    expect(one).not.toEqual(other)
    expect(one.steps).toHaveLength(40)
  })

  // A difference is told by its seed and number: a new kind of step must not change the others.
  test('keep their numbers', () => {
    const ten = Array.from({ length: 10 }, (_, at) => numberedProgram(at, { seed: 1, steps: 40 }))
    expect(hash('sha256', JSON.stringify(ten)).slice(0, 16)).toBe('f5cd70e0dfa3869a')
  })

  test.each([
    ['every operation', OPERATIONS, {}],
    ['those that are asked for', [...OPERATIONS, ...MORE_OPERATIONS], { also: MORE_OPERATIONS }],
    ['only those that are named', ['munmap', 'mmap', 'write'], { only: ['munmap'] }],
  ])('use %s', (_, operations, options) => {
    const used = new Set(
      fc
        .sample(programs(options), { seed: 1, numRuns: 30 })
        .flatMap(({ steps }) => steps.map(({ op }) => op)),
    )
    expect(used).toEqual(new Set(operations))
  })

  test('shrink to shorter ones', () => {
    const arbitrary = programs({ steps: 10 })
    const [program] = fc.sample(arbitrary, { seed: 1, numRuns: 1 })
    const { value } = arbitrary.shrink(program, undefined).getNthOrLast(0)
    expect(value.steps.length).toBeLessThan(10)
  })

  test('are JSON', () => {
    const [program] = fc.sample(programs(), { seed: 1, numRuns: 1 })
    expect(parseProgram(JSON.stringify(program))).toEqual(program)
    expect(() => parseProgram('{"steps":[{}]}')).toThrow(TypeError)
  })

  test('are printed with the step that differs marked', () => {
    const program = {
      steps: [
        { op: 'read', p: 0, at: 3 },
        { op: 'evict', d: 1 },
      ],
    }
    expect(describeProgram(program, 1)).toBe('  1. read p=0 at=3\n> 2. evict d=1')
  })
})

describe('comparing', () => {
  test('names what differs', () => {
    expect(differences({ a: 1, b: { c: [1, 2] } }, { a: 1, b: { c: [1, 3], d: 4 } })).toEqual([
      { path: 'b.c.1', left: 2, right: 3 },
      { path: 'b.d', left: undefined, right: 4 },
    ])
  })

  test('takes the page from errors of system calls only', () => {
    const observation = { result: { error: 'ENOMEM', page: 2 } }
    expect(normalise({ op: 'mprotect' }, observation)).toEqual({ result: { error: 'ENOMEM' } })
    expect(normalise({ op: 'fault' }, observation)).toEqual(observation)
  })
})

describe('two simulations', () => {
  test('do not differ', async () => {
    expect(await found(open)).toBeUndefined()
  }, 60_000)

  test('do not differ with huge pages', async () => {
    const pair = new Pair(large({}), { unit: 64 })
    for (const { program } of numberedPrograms({ count: 5, seed: 1, steps: 40 }))
      expect(await pair.run(program)).toBeUndefined()
    await pair.close()
  }, 60_000)

  test('with huge pages differ if one is broken', async () => {
    const { wrap } = BROKEN_BACKENDS.find(({ name }) => name === 'event-too-narrow')
    const pair = new Pair(large({ wrap }), { unit: 64 })
    const program = {
      steps: [
        { op: 'mmap', p: 0, at: 8, n: 16, prot: 'rw', map: 'private', f: 0, fp: 0, populate: true },
        { op: 'madvise', p: 0, at: 10, n: 1, advice: 'cold' },
      ],
    }
    expect((await pair.run(program)).differences[0].path).toContain('events')
    await pair.close()
  }, 60_000)

  test('of which one is broken do, after few steps', async () => {
    const failure = await found(broken('event-too-narrow'))
    expect(failure.program.steps.length).toBeLessThanOrEqual(2)
    expect(failure.difference.differences[0].path).toContain('events')
    const report = reportDifference(failure, ['left', 'right'])
    expect(report).toContain(`differs after step ${failure.program.steps.length}`)
    const replay = /--replay '(.*)'/.exec(report)[1]
    const pair = new Pair(broken('event-too-narrow'))
    expect((await pair.run(parseProgram(replay))).differences).not.toEqual([])
  }, 60_000)

  test.each([
    'read-maps-writable', 'zero-page-writable', 'unmap-does-nothing', 'lost-events', 'wrong-event-kind',
    'snapshot-faults', 'mprotect-does-nothing', 'migrate-does-nothing', 'stale-after-munmap',
    'declined-pages-move', 'evict-does-nothing', 'no-page-in-error', 'present-only-faults',
    'never-released', 'everything-is-dirty',
  ])('differ if one has the fault %s', async (name) => {
    const failure = await found(broken(name), { shrinkSeconds: 0, also: MORE_OPERATIONS })
    // What breaks off is a difference too.
    expect(failure.difference.error ?? failure.difference.differences).not.toHaveLength(0)
  }, 60_000) // prettier-ignore
})
