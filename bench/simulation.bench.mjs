// What the simulation costs, against plain work of the same size in the same run.
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { createSimulation } from '@hmm-sdk/backend-sim'
import { interleaved } from './interleaved.mjs'
import { Radix } from './reference/radix.mjs'
import { writeTwoWords } from './reference/two-words.mjs'

const PAGES = 262_144
const FAULT_WRITE = 0xc000_0000
const callbacks = { invalidate() {}, released() {} }
const anywhere = {
  protection: 3,
  shared: false,
  file: undefined,
  filePage: 0,
  populate: false,
  startPage: undefined,
}

export default async function measure() {
  const rows = [snapshot, faultIn, mapUnmap, mapUnmapOne, invalidateScale, bytesPerPage, reset]
  const results = []
  for (const row of rows) results.push(await row())
  return results
}

/** A process with a mapping of `pages` pages, watched by a mirror of a device. */
async function watched(pages) {
  const backend = createSimulation()
  const device = await backend.openDevice('demo', {})
  const space = await backend.createAddressSpace({ name: 'bench' })
  const start = await space.mmap({ ...anywhere, pages })
  const mirror = await device.createMirror(space, start, pages, callbacks)
  return { backend, device, space, start, mirror }
}

async function snapshot() {
  const { mirror } = await watched(PAGES)
  const entries = new Uint32Array(2 * PAGES)
  const request = { first: 0, pages: PAGES, mask: 0, entries }
  await mirror.fault({ ...request, defaultFlags: FAULT_WRITE }, {})
  const [reference, value] = await interleaved([
    () => writeTwoWords(entries),
    () => mirror.fault({ ...request, defaultFlags: 0 }, {}),
  ])
  return perPage('snapshot-4k', value, reference, PAGES, 4)
}

async function faultIn() {
  const { space, start, mirror } = await watched(PAGES)
  const entries = new Uint32Array(2 * PAGES)
  const request = { first: 0, pages: PAGES, mask: 0, entries, defaultFlags: FAULT_WRITE }
  const value = []
  const reference = []
  for (let round = 0; round < 9; round++) {
    const [words, fault] = await interleaved(
      [() => writeTwoWords(entries), () => mirror.fault(request, {})],
      { rounds: 1, warmup: 0 },
    )
    reference.push(words)
    value.push(fault)
    await space.madvise(start, PAGES, 'dontneed')
  }
  return perPage('fault-in', median(value), median(reference), PAGES, 30)
}

async function mapUnmap() {
  const pages = 512
  const { device } = await watched(pages)
  const buffer = await device.dma.allocBuffer(pages * 4096)
  const radix = new Radix()
  const [reference, value] = await interleaved(
    [
      repeat(50, () => {
        for (let i = 0; i < pages; i++) radix.insert(0x7_0000 + i, i + 1)
        for (let i = 0; i < pages; i++) radix.remove(0x7_0000 + i)
      }),
      repeat(50, () => device.dma.map(buffer, 0, pages * 4096, 'bidirectional').unmap()),
    ],
    { rounds: 41 },
  )
  return perPage('map-unmap', value, reference, 50 * pages, 2)
}

async function mapUnmapOne() {
  const { device } = await watched(1)
  const buffer = await device.dma.allocBuffer(4096)
  const radix = new Radix()
  const [reference, value] = await interleaved(
    [
      repeat(10_000, () => {
        radix.insert(0x7_0000, 1)
        radix.remove(0x7_0000)
      }),
      repeat(10_000, () => device.dma.map(buffer, 0, 4096, 'bidirectional').unmap()),
    ],
    { rounds: 41 },
  )
  return perPage('map-unmap-1', value, reference, 10_000, 6)
}

async function invalidateScale() {
  const few = await manyMirrors(100)
  const many = await manyMirrors(100_000)
  const [reference, value] = await interleaved([few, many], { rounds: 301, warmup: 50 })
  return { name: 'invalidate-scale', value, reference, unit: 'ns', bar: 1.5 }
}

/** munmap of one page while `count` notifiers watch others. */
async function manyMirrors(count) {
  const { space, device, start } = await watched(count)
  for (let i = 0; i < count; i++) await device.createMirror(space, start + i, 1, callbacks)
  const at = start - 10
  return async () => {
    for (let i = 0; i < 20; i++) {
      await space.mmap({ ...anywhere, pages: 1, startPage: at })
      await space.munmap(at, 1)
    }
  }
}

async function bytesPerPage() {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc')
  const used = () => {
    collect()
    collect()
    const { arrayBuffers, heapUsed } = process.memoryUsage()
    return arrayBuffers + heapUsed
  }
  const { mirror } = await watched(PAGES)
  const entries = new Uint32Array(2 * PAGES)
  const request = { first: 0, pages: PAGES, mask: 0, entries, defaultFlags: FAULT_WRITE }
  const before = used()
  await mirror.fault(request, {})
  return { name: 'bytes-per-page', value: (used() - before) / PAGES, unit: 'bytes', bar: 24 }
}

async function reset() {
  const rounds = 2000
  const [value] = await interleaved(
    [
      async () => {
        for (let i = 0; i < rounds; i++) {
          const backend = createSimulation()
          const space = await backend.createAddressSpace({ name: 'bench' })
          await space.mmap({ ...anywhere, pages: 50, populate: true })
          await backend.close()
        }
      },
    ],
    { rounds: 9 },
  )
  const perSecond = rounds / (value / 1e9)
  return { name: 'reset', value: perSecond, unit: '/s', bar: 50_000, better: 'higher' }
}

function perPage(name, value, reference, pages, bar) {
  return { name, value: value / pages, reference: reference / pages, unit: 'ns/page', bar }
}

function repeat(times, action) {
  return () => {
    for (let i = 0; i < times; i++) action()
  }
}

function median(values) {
  return values.sort((a, b) => a - b)[values.length >>> 1]
}
