import { control, createSimulation } from '@hmm-sdk/backend-sim'
import type { RawAddressSpace, RawMirror } from '@hmm-sdk/hmm-api/raw'
import * as fc from 'fast-check'
import { test } from 'vitest'

/*
 * Random programs on blocks that huge pages can map, cut at every kind of place. The model is what
 * each page holds; it knows nothing of huge pages.
 */
const BLOCK = 512
const PAGES = 4 * BLOCK
const START = 0x1000 * BLOCK
/** Where ranges begin and end. */
const CUTS = [0, 1, 100, 511, 512, 513, 1024, 1300, 1536, 1537, PAGES]
/** Where contents are written and compared. */
const PROBES = [0, 99, 100, 510, 511, 512, 700, 1023, 1024, 1299, 1300, 1535, 1536, 2047]

const KINDS = [
  'mmap', 'munmap', 'read-only', 'writable', 'write', 'write', 'read', 'dontneed', 'free', 'pageout',
  'hugepage', 'nohugepage', 'collapse', 'khugepaged', 'fork', 'exit', 'device-write', 'device-read',
  'to-device', 'to-system', 'evict', 'exclusive', 'compact', 'numa', 'merge', 'clear-refs', 'move', 'swap-places',
] as const // prettier-ignore

interface Step {
  readonly kind: (typeof KINDS)[number]
  readonly process: number
  readonly from: number
  readonly to: number
  readonly value: number
}

interface Process {
  readonly space: RawAddressSpace
  readonly mirror: RawMirror
  /** Undefined where nothing is mapped. */
  readonly pages: ({ value: number; readonly writable: boolean } | undefined)[]
}

const step: fc.Arbitrary<Step> = fc.record({
  kind: fc.constantFrom(...KINDS),
  process: fc.nat(2),
  from: fc.nat(CUTS.length - 2),
  to: fc.nat(CUTS.length - 2),
  value: fc.integer({ min: 1, max: 255 }),
})

for (const thp of ['always', 'madvise'] as const) {
  test(`random programs on huge pages (${thp})`, async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 30, size: 'max' }), (steps) => run(thp, steps)),
      { numRuns: Number(process.env['HMM_PROGRAMS'] ?? 60), seed: 11 },
    )
  })
}

async function run(thp: 'always' | 'madvise', steps: readonly Step[]): Promise<void> {
  const backend = createSimulation({ thp, memoryPages: 16 * BLOCK })
  const device = await backend.openDevice('one', { memoryPages: 2 * BLOCK })
  const { memory } = control(backend)
  const processes: Process[] = []
  const add = async (space: RawAddressSpace, pages: Process['pages']) => {
    const callbacks = { invalidate: () => {}, released: () => {} }
    const mirror = await device.createMirror(space, START, PAGES, callbacks)
    processes.push({ space, mirror, pages })
  }
  const first = await backend.createAddressSpace({ name: 'first' })
  await first.mmap({ ...anonymous, pages: PAGES })
  await add(
    first,
    Array.from({ length: PAGES }, () => ({ value: 0, writable: true })),
  )
  for (const { kind, process, from, to, value } of steps) {
    const it = processes[process % processes.length]!
    const a = CUTS[Math.min(from, to)]!
    const b = CUTS[Math.max(from, to) + 1]!
    const range = { startPage: START + a, endPage: START + b, pages: b - a } as never
    const { space, pages, mirror } = it
    const probes = PROBES.filter((page) => page >= a && page < b)
    const whole = pages.slice(a, b).every((page) => page !== undefined)
    switch (kind) {
      case 'mmap':
        await space.mmap({ ...anonymous, startPage: START + a, pages: b - a })
        for (let i = a; i < b; i++) pages[i] = { value: 0, writable: true }
        break
      case 'munmap':
        await space.munmap(START + a, b - a)
        pages.fill(undefined, a, b)
        break
      case 'read-only':
      case 'writable':
        if (!whole) break
        await space.mprotect(START + a, b - a, kind === 'writable' ? 3 : 1)
        for (let i = a; i < b; i++) {
          pages[i] = { value: pages[i]!.value, writable: kind === 'writable' }
        }
        break
      case 'write':
        for (const page of probes) {
          if (pages[page]?.writable !== true) continue
          await space.write(START + page, 0, Uint8Array.of(value))
          pages[page]!.value = value
        }
        break
      case 'read':
        for (const page of probes) await check(it, page)
        break
      case 'dontneed':
        await ignore(space.madvise(START + a, b - a, 'dontneed'))
        for (let i = a; i < b; i++) if (pages[i] !== undefined) pages[i]!.value = 0
        break
      case 'free':
        // What is written after it stays; the rest may be there or not.
        await ignore(space.madvise(START + a, b - a, 'free'))
        for (const page of probes) {
          if (pages[page]?.writable === true)
            await space.write(START + page, 0, Uint8Array.of(value))
          if (pages[page]?.writable === true) pages[page].value = value
        }
        for (const page of probes) {
          if (pages[page]?.writable === false) await space.madvise(START + page, 1, 'dontneed')
          if (pages[page]?.writable === false) pages[page].value = 0
        }
        break
      case 'pageout':
      case 'hugepage':
      case 'nohugepage':
      case 'collapse':
        await ignore(space.madvise(START + a, b - a, kind))
        break
      case 'khugepaged':
        await memory.collapse(space, range)
        break
      case 'fork':
        if (processes.length < 3) {
          await add(
            await space.fork('child'),
            pages.map((page) => page && { ...page }),
          )
        }
        break
      case 'exit':
        if (processes.length === 1) break
        await space.exit(0)
        await mirror.close()
        await space.close()
        processes.splice(processes.indexOf(it), 1)
        break
      case 'device-write':
      case 'device-read': {
        const write = kind === 'device-write'
        if (!pages.slice(a, b).every((page) => page !== undefined && (page.writable || !write)))
          break
        const map = async () => mirror.map({ first: a, pages: b - a, write, fault: true }, {})
        const attempt = await ignore(map())
        if (attempt === undefined) break
        if (!attempt.commit(() => {})) throw new Error('commit was refused')
        for (const page of probes) {
          const dma = attempt.entries[2 * (page - a)]!
          const [byte] = await device.engine!.read(dma, 0, 1)
          if (byte !== pages[page]!.value) throw new Error(`device read ${page}: ${byte}`)
          if (!write) continue
          await device.engine!.write(dma, 0, Uint8Array.of(value))
          pages[page]!.value = value
        }
        break
      }
      case 'to-device':
        await ignore(
          device.memory!.migrate(
            mirror,
            { first: a, pages: b - a, to: 'device', declined: [], order: value % 4 === 0 ? 0 : 9 },
            {},
          ),
        )
        break
      case 'to-system':
        await ignore(
          device.memory!.migrate(
            mirror,
            {
              first: a,
              pages: b - a,
              to: 'system',
              declined: value % 4 === 0 ? [0] : [],
              order: 9,
            },
            {},
          ),
        )
        break
      case 'evict':
        await device.memory!.evict({})
        break
      case 'exclusive':
        await ignore(mirror.exclusive!({ first: a, pages: 1 }, {}))
        break
      case 'compact':
        await memory.compact(space, range)
        break
      case 'numa':
        await memory.numaScan(space, range)
        break
      case 'merge':
        if (b - a < BLOCK) await memory.mergePages(space, range)
        break
      case 'clear-refs':
        await memory.clearRefs(space)
        break
      case 'move':
      case 'swap-places': {
        // There and back: first to a place that is aligned as this one, or one page off.
        if (!whole) break
        const there = START + 2 * PAGES + a + (kind === 'move' ? 0 : 1)
        const request = { pages: b - a, newPages: b - a, mayMove: true, dontUnmap: false }
        let moved = await space.mremap({ ...request, startPage: START + a, toPage: there }).then(
          () => true,
          () => false,
        )
        if (!moved) break
        moved = await space.mremap({ ...request, startPage: there, toPage: START + a }).then(
          () => true,
          () => false,
        )
        if (!moved) throw new Error('there, but not back')
      }
    }
    const problems = control(backend).problems()
    if (problems.length > 0) throw new Error(`${kind}: ${problems.slice(0, 3).join('; ')}`)
  }
  for (const each of processes) for (const page of PROBES) await check(each, page)
  for (const { mirror, space } of processes) {
    await mirror.close()
    await space.close()
  }
  await device.close()
  const leaks = await backend.close()
  if (leaks.length > 0) throw new Error(`leaked ${JSON.stringify(leaks)}`)
}

const anonymous = {
  protection: 3,
  shared: false,
  startPage: START,
  file: undefined,
  filePage: 0,
  populate: false,
}

async function check({ space, pages }: Process, page: number): Promise<void> {
  const got = await space.read(START + page, 0, 1).then(
    ([byte]) => byte,
    () => undefined,
  )
  if (got !== pages[page]?.value) throw new Error(`page ${page}: ${got}, not ${pages[page]?.value}`)
}

/** The result, or undefined if it failed: whether it may is not the question here. */
async function ignore<T>(promise: Promise<T>): Promise<T | undefined> {
  return promise.catch(() => undefined)
}
