import { control, createSimulation } from '@hmm-sdk/backend-sim'
import { HmmError } from '@hmm-sdk/hmm-api'
import type { RawAddressSpace, RawMirror } from '@hmm-sdk/hmm-api/raw'
import * as fc from 'fast-check'
import { test } from 'vitest'

/*
 * Random programs on a file in persistent memory that is mapped three times: where its blocks can be mapped
 * whole, a page off, and privately. The model is what each page holds; it knows nothing of blocks and holes.
 */
const BLOCK = 512
const PAGES = 2 * BLOCK + 4
/** Where ranges begin and end. */
const CUTS = [0, 1, 5, 511, 512, 513, 600, 1023, 1024, 1026, PAGES]
/** Where contents are written and compared. */
const PROBES = [0, 1, 4, 510, 511, 512, 513, 599, 1022, 1023, 1025, PAGES - 1]

const KINDS = [
  'write', 'write', 'write', 'write', 'read', 'read', 'read', 'read', 'device-write', 'device-read', 'file-write', 'file-read', 'sync', 'punch',
  'truncate', 'dontneed', 'read-only', 'writable', 'nohugepage', 'hugepage', 'map-again', 'move', 'numa',
  'clear-refs', 'compact', 'pin', 'fork',
] as const // prettier-ignore

const step = fc.record({
  kind: fc.constantFrom(...KINDS),
  place: fc.nat(2),
  from: fc.nat(CUTS.length - 2),
  to: fc.nat(CUTS.length - 2),
  value: fc.integer({ min: 1, max: 255 }),
})

interface Place {
  readonly start: number
  readonly shared: boolean
  readonly mirror: RawMirror
  /** Of a private mapping: what was written there. */
  readonly copies: Map<number, number>
  readonly readOnly: Set<number>
}

test('random programs on a file in persistent memory', async () => {
  await fc.assert(fc.asyncProperty(fc.array(step, { maxLength: 40, size: 'max' }), run), {
    numRuns: Number(process.env['HMM_PROGRAMS'] ?? 60),
    seed: 7,
  })
})

async function run(steps: readonly (typeof step extends fc.Arbitrary<infer S> ? S : never)[]) {
  const backend = createSimulation()
  const device = await backend.openDevice('one', {})
  const { memory } = control(backend)
  const space = await backend.createAddressSpace({ name: 'process' })
  const file = await space.createDaxFile!(PAGES)
  const mapping = { pages: PAGES, protection: 3, file, filePage: 0, populate: false }
  const contents = Array.from({ length: PAGES }, () => 0)
  let size = PAGES
  const places: Place[] = []
  for (const [index, shared] of [true, true, false].entries()) {
    const start = 0x1000 * BLOCK + 8 * index * BLOCK + (index === 1 ? 1 : 0)
    await space.mmap({ ...mapping, startPage: start, shared })
    const callbacks = { invalidate: () => {}, released: () => {} }
    const mirror = await device.createMirror(space, start, PAGES, callbacks)
    places.push({ start, shared, mirror, copies: new Map(), readOnly: new Set() })
  }
  const expected = ({ copies }: Place, page: number) => copies.get(page) ?? contents[page]!
  const put = ({ shared, copies }: Place, page: number, value: number) => {
    if (shared) contents[page] = value
    else copies.set(page, value)
  }
  const check = async (place: Place, page: number, from: RawAddressSpace = space) => {
    const read = from.read(place.start + page, 0, 1)
    if (page < size) {
      const [byte] = await read
      if (byte !== expected(place, page)) {
        throw new Error(`page ${page} holds ${byte}, not ${expected(place, page)}`)
      }
    } else if (await read.then(() => true, failed)) throw new Error(`page ${page} can be read`)
  }
  for (const { kind, place: which, from, to, value } of steps) {
    const place = places[which]!
    const { start, mirror, readOnly, copies } = place
    const a = CUTS[Math.min(from, to)]!
    const b = CUTS[Math.max(from, to) + 1]!
    const range = { startPage: start + a, endPage: start + b, pages: b - a } as never
    const probes = PROBES.filter((page) => page >= a && page < b)
    switch (kind) {
      case 'write':
        for (const page of probes) {
          if (readOnly.has(page) || page >= size) continue
          await space.write(start + page, 0, Uint8Array.of(value))
          put(place, page, value)
        }
        break
      case 'read':
        for (const page of probes) await check(place, page)
        break
      case 'device-write':
      case 'device-read': {
        const write = kind === 'device-write'
        if (b > size || (write && [...readOnly].some((page) => page >= a && page < b))) break
        const attempt = await mirror.map({ first: a, pages: b - a, write, fault: true }, {})
        if (!attempt.commit(() => {})) throw new Error('commit was refused')
        // Now the pages are the mapping's own, also where they still hold what the file holds.
        if (write && !place.shared) for (let i = a; i < b; i++) copies.set(i, expected(place, i))
        for (const page of probes) {
          const dma = attempt.entries[2 * (page - a)]!
          const [byte] = await device.engine!.read(dma, 0, 1)
          if (byte !== expected(place, page)) throw new Error(`the device reads ${byte} at ${page}`)
          if (!write) continue
          await device.engine!.write(dma, 0, Uint8Array.of(value))
          put(place, page, value)
        }
        break
      }
      case 'file-write':
        for (const page of probes) {
          if (page >= size) continue
          await file.write(page * 4096, Uint8Array.of(value))
          contents[page] = value
        }
        break
      case 'file-read':
        for (const page of probes) {
          if (page >= size) continue
          const [byte] = await file.read(page * 4096, 1)
          if (byte !== contents[page]) throw new Error(`the file holds ${byte} at ${page}`)
        }
        break
      case 'sync':
        await file.sync!()
        break
      case 'punch':
        await file.punchHole(a, b - a)
        contents.fill(0, a, b)
        break
      case 'truncate':
        await file.truncate(b)
        if (b < size) {
          contents.fill(0, b)
          for (const each of places)
            for (const page of each.copies.keys()) if (page >= b) each.copies.delete(page)
        }
        size = b
        break
      case 'dontneed':
        await space.madvise(start + a, b - a, 'dontneed')
        for (const page of copies.keys()) if (page >= a && page < b) copies.delete(page)
        break
      case 'read-only':
      case 'writable':
        await space.mprotect(start + a, b - a, kind === 'writable' ? 3 : 1)
        for (let i = a; i < b; i++)
          if (kind === 'writable') readOnly.delete(i)
          else readOnly.add(i)
        break
      case 'nohugepage':
      case 'hugepage':
        await space.madvise(start + a, b - a, kind)
        break
      case 'map-again':
        await space.mmap({
          ...mapping,
          startPage: start,
          shared: place.shared,
          populate: value % 2 === 0,
        })
        copies.clear()
        readOnly.clear()
        // Private memory that may be written is populated by writing.
        if (value % 2 === 0 && !place.shared) {
          for (let page = 0; page < size; page++) copies.set(page, contents[page]!)
        }
        break
      case 'move': {
        // There and back: first to a place that is aligned as this one, or one page off.
        const there = start + 4 * BLOCK + (value % 2)
        const request = { pages: PAGES, newPages: PAGES, mayMove: true, dontUnmap: false }
        if (readOnly.size > 0) break
        const moved = await space
          .mremap({ ...request, startPage: start, toPage: there })
          .then(() => true, failed)
        if (moved) await space.mremap({ ...request, startPage: there, toPage: start })
        break
      }
      case 'numa':
        await memory.numaScan(space, range)
        break
      case 'clear-refs':
        await memory.clearRefs(space)
        break
      case 'compact':
        await memory.compact(space, range)
        break
      case 'pin': {
        if (a >= size) break
        const pinned = await space.pin!(start + a, 1, false)
        const cutting = file.truncate(size)
        await pinned.close()
        await cutting
        break
      }
      case 'fork': {
        const child = await space.fork('child')
        for (const page of probes) await check(place, page, child)
        await child.close()
      }
    }
    const problems = control(backend).problems()
    if (problems.length > 0) throw new Error(`${kind}: ${problems.slice(0, 3).join('; ')}`)
  }
  for (const place of places) for (const page of PROBES) await check(place, page)
  for (const { mirror } of places) await mirror.close()
  await file.close()
  await space.close()
  await device.close()
  const leaks = await backend.close()
  if (leaks.length > 0) throw new Error(`leaked ${JSON.stringify(leaks)}`)
}

function failed(error: unknown): false {
  if (HmmError.is(error)) return false
  throw error
}
