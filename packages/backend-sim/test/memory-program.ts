import { HmmError, entryPage } from '@hmm-sdk/hmm-api'
import { control } from '@hmm-sdk/backend-sim'
import type { RawBackend } from '@hmm-sdk/hmm-api/raw'
import {
  ARENA_PAGES,
  ARENA_START,
  FILE_PAGES,
  beyondEnd,
  expectedDevice,
  expectedRead,
  modelWrite,
  type ModelPage,
  type ModelProcess,
  type World,
} from './memory-model.js'

/** One step of a random program; the numbers are reduced to what exists when it runs. */
export interface Step {
  readonly kind: (typeof STEPS)[number]
  readonly process: number
  readonly device: number
  readonly page: number
  readonly pages: number
  readonly value: number
}

export const STEPS = [
  'mmap', 'mmap-shared', 'mmap-file', 'mmap-file-private', 'munmap', 'mprotect', 'mremap',
  'read', 'write', 'add', 'dontneed', 'pageout', 'willneed', 'fork', 'exit', 'truncate', 'punch',
  'device-read', 'device-write', 'device-unmap', 'exclusive', 'to-device', 'to-system', 'evict',
  'reclaim',
] as const // prettier-ignore

const PROTECTIONS = [3, 3, 3, 1, 0, 2]

/** Runs the program; throws where the simulation and the model differ. */
export async function runProgram(backend: RawBackend, steps: readonly Step[]): Promise<void> {
  const world: World = { devices: [], processes: [], files: [] }
  for (const name of ['one', 'two']) {
    world.devices.push(await backend.openDevice(name, { memoryPages: 10 }))
  }
  world.devices[0]!.memory!.setCpuFaultPages(4)
  await addProcess(world, await backend.createAddressSpace({ name: 'init' }), emptyArena())
  for (const step of steps) {
    await runStep(world, step)
    const problems = control(backend).problems()
    if (problems.length > 0) throw new Error(`${step.kind}: ${problems.join('; ')}`)
  }
  for (const process of world.processes) {
    for (let i = 0; i < ARENA_PAGES; i++) await checkRead(process, i)
  }
  for (const process of world.processes) for (const mirror of process.mirrors) await mirror.close()
  for (const process of world.processes) await process.raw.close()
  for (const file of world.files) await file.raw?.close()
  for (const device of world.devices) {
    const left = await device.close()
    if (left.length > 0) throw new Error(`device left ${JSON.stringify(left)}`)
  }
  const leaks = await backend.close()
  if (leaks.length > 0) throw new Error(`leaked ${JSON.stringify(leaks)}`)
}

const emptyArena = (): (ModelPage | undefined)[] => Array.from({ length: ARENA_PAGES })

async function addProcess(
  world: World,
  raw: ModelProcess['raw'],
  pages: ModelProcess['pages'],
): Promise<void> {
  const mirrors = []
  for (const device of world.devices) {
    const callbacks = { invalidate: () => {}, released: () => {} }
    mirrors.push(await device.createMirror(raw, ARENA_START, ARENA_PAGES, callbacks))
  }
  world.processes.push({ raw, pages, mirrors })
}

async function runStep(world: World, step: Step): Promise<void> {
  if (world.processes.length === 0) return
  const process = world.processes[step.process % world.processes.length]!
  const first = step.page % ARENA_PAGES
  const pages = Math.min(1 + (step.pages % 6), ARENA_PAGES - first)
  const start = ARENA_START + first
  const range = process.pages.slice(first, first + pages)
  const { raw } = process
  switch (step.kind) {
    case 'mmap':
    case 'mmap-shared':
    case 'mmap-file':
    case 'mmap-file-private':
      return map(world, process, step, first, pages)
    case 'munmap':
      await raw.munmap(start, pages)
      return void process.pages.fill(undefined, first, first + pages)
    case 'mprotect': {
      const protection = PROTECTIONS[step.value % PROTECTIONS.length]!
      const hole = range.indexOf(undefined)
      const error = await errorOf(raw.mprotect(start, pages, protection))
      same('mprotect', error, hole < 0 ? undefined : 'ENOMEM')
      for (let i = 0; i < (hole < 0 ? pages : hole); i++) {
        process.pages[first + i] = { ...range[i]!, protection }
      }
      return
    }
    case 'mremap':
      return remap(process, step, first, pages)
    case 'read':
      return checkRead(process, first)
    case 'write':
      return checkWrite(process, first, step.value, (bytes) => raw.write(start, 0, bytes))
    case 'add': {
      const before = expectedRead(range[0])
      if (typeof before === 'string' || (range[0]!.protection & 2) === 0) return
      same('fetchAdd', await raw.fetchAdd(start, 0, 5), before)
      return modelWrite(range[0]!, (before + 5) >>> 0)
    }
    case 'dontneed':
      await errorOf(raw.madvise(start, pages, 'dontneed'))
      for (const page of range) if (page !== undefined && !page.shared) page.own = undefined
      return
    case 'pageout':
    case 'willneed':
      return void (await errorOf(raw.madvise(start, pages, step.kind)))
    case 'fork':
      if (world.processes.length >= 3) return
      return addProcess(
        world,
        await raw.fork('child'),
        process.pages.map((page) => page && { ...page }),
      )
    case 'exit':
      if (world.processes.length === 1) return
      await raw.exit(0)
      for (const mirror of process.mirrors) await mirror.close()
      await raw.close()
      return void world.processes.splice(world.processes.indexOf(process), 1)
    case 'truncate':
    case 'punch':
      return changeFile(world, step)
    case 'device-read':
    case 'device-write':
      return deviceAccess(world, process, step, first, pages)
    case 'device-unmap':
      return process.mirrors[step.device % 2]!.unmap(first, pages)
    case 'exclusive':
      return exclusive(world, process, step, first)
    case 'to-device':
    case 'to-system':
      return migrate(world, process, step, first, pages)
    case 'evict':
      return void (await world.devices[step.device % 2]!.memory!.evict({}))
    case 'reclaim':
      return
  }
}

async function map(
  world: World,
  process: ModelProcess,
  step: Step,
  first: number,
  pages: number,
): Promise<void> {
  const protection = PROTECTIONS[step.value % PROTECTIONS.length]!
  const shared = step.kind === 'mmap-shared' || step.kind === 'mmap-file'
  const fromFile = step.kind === 'mmap-file' || step.kind === 'mmap-file-private'
  let file
  if (fromFile) {
    if (world.files.length < 2) {
      const values = Array.from({ length: FILE_PAGES }, () => 0)
      world.files.push({ raw: await process.raw.createFile(FILE_PAGES), values })
    }
    file = world.files[step.device % world.files.length]!
  } else if (shared) file = { raw: undefined, values: Array.from({ length: pages }, () => 0) }
  const filePage = fromFile ? step.value % 3 : 0
  await process.raw.mmap({
    pages,
    protection,
    shared,
    startPage: ARENA_START + first,
    file: file?.raw,
    filePage,
    populate: step.value % 5 === 0,
  })
  // Populating a private, writable mapping takes the copies at once.
  const copied = step.value % 5 === 0 && !shared && (protection & 2) !== 0
  for (let i = 0; i < pages; i++) {
    const own = copied ? file?.values[filePage + i] : undefined
    process.pages[first + i] = { protection, shared, file, filePage: filePage + i, own }
  }
}

async function remap(
  process: ModelProcess,
  step: Step,
  first: number,
  pages: number,
): Promise<void> {
  const to = step.value % ARENA_PAGES
  const newPages = Math.min(1 + (step.device % 6), ARENA_PAGES - to)
  const dontUnmap = step.value % 7 === 0
  const length = dontUnmap ? pages : newPages
  if (to + length > ARENA_PAGES) return
  const request = {
    startPage: ARENA_START + first,
    pages,
    newPages: length,
    mayMove: true,
    toPage: ARENA_START + to,
    dontUnmap,
  }
  const error = await errorOf(process.raw.mremap(request))
  if (error === 'EINVAL') return
  const old = process.pages.slice(first, first + pages)
  // Whether the old range was one mapping is the kernel's business: believe its EFAULT.
  if (error !== undefined) return same('mremap', error, 'EFAULT')
  if (length === pages) {
    // Mappings move with the gaps between them; under a gap the target stays as it was.
    for (const [i, page] of old.entries()) {
      if (page === undefined) continue
      process.pages[to + i] = page
      process.pages[first + i] = dontUnmap ? { ...page, own: undefined } : undefined
    }
    return
  }
  process.pages.fill(undefined, to, to + length)
  if (length < pages) process.pages.fill(undefined, first + length, first + pages)
  const last = old[Math.min(length, pages) - 1]!
  for (let i = 0; i < length; i++) {
    process.pages[to + i] =
      old[i] !== undefined && i < pages
        ? old[i]
        : { ...last, filePage: old[0]!.filePage + i, own: undefined }
  }
  for (let i = 0; i < Math.min(pages, length); i++) {
    process.pages[first + i] = undefined
  }
}

async function checkRead(process: ModelProcess, index: number): Promise<void> {
  let result: number | string
  try {
    result = word(await process.raw.read(ARENA_START + index, 0, 4))
  } catch (error) {
    result = codeOf(error)
  }
  same(`read of page ${index}`, result, expectedRead(process.pages[index]))
}

async function checkWrite(
  process: ModelProcess,
  index: number,
  value: number,
  write: (bytes: Uint8Array) => Promise<void>,
): Promise<void> {
  const page = process.pages[index]
  const allowed = page !== undefined && (page.protection & 2) !== 0 && !beyondEnd(page)
  same('write', await errorOf(write(bytesOf(value))), allowed ? undefined : 'EFAULT')
  if (allowed) modelWrite(page, value)
}

async function changeFile(world: World, step: Step): Promise<void> {
  if (world.files.length === 0) return
  const file = world.files[step.device % world.files.length]!
  const page = step.value % FILE_PAGES
  if (step.kind === 'punch') {
    await file.raw!.punchHole(page, 2)
    for (let i = page; i < Math.min(page + 2, file.values.length); i++) file.values[i] = 0
    return
  }
  await file.raw!.truncate(page)
  while (file.values.length > page) file.values.pop()
  while (file.values.length < page) file.values.push(0)
  for (const process of world.processes) {
    for (const each of process.pages) {
      if (each?.file === file && each.filePage >= page) each.own = undefined
    }
  }
}

async function deviceAccess(
  world: World,
  process: ModelProcess,
  step: Step,
  first: number,
  pages: number,
): Promise<void> {
  const device = world.devices[step.device % 2]!
  const mirror = process.mirrors[step.device % 2]!
  const write = step.kind === 'device-write'
  const expected = process.pages
    .slice(first, first + pages)
    .map((page) => expectedDevice(page, write))
    .filter((code) => code !== undefined)
  let attempt
  try {
    attempt = await mirror.map({ first, pages, write, fault: true }, {})
  } catch (error) {
    // Not always the first: a read-only page of the device's own is looked at last.
    same('device map', expected.includes(codeOf(error)), true)
    if (write) breakCopyOnWrite(process, first, pages)
    return
  }
  same('device map', expected.length, 0)
  if (!attempt.commit(() => {})) throw new Error('commit was refused without an invalidation')
  for (let i = 0; i < pages; i++) {
    const page = process.pages[first + i]!
    const dmaPage = entryPage(attempt.entries, i)
    same('device read', word(await device.engine!.read(dmaPage, 0, 4)), expectedRead(page))
    if (!write) continue
    await device.engine!.write(dmaPage, 0, bytesOf(step.value + i))
    modelWrite(page, (step.value + i) >>> 0)
  }
}

/** A map that fails at some page has taken private copies of those before it. */
function breakCopyOnWrite(process: ModelProcess, first: number, pages: number): void {
  for (const page of process.pages.slice(first, first + pages)) {
    if (expectedDevice(page, true) !== undefined) return
    if (!page!.shared) page!.own ??= page!.file?.values[page!.filePage]
  }
}

async function exclusive(
  world: World,
  process: ModelProcess,
  step: Step,
  first: number,
): Promise<void> {
  const page = process.pages[first]
  const device = world.devices[step.device % 2]!
  let attempt
  try {
    attempt = await process.mirrors[step.device % 2]!.exclusive!({ first, pages: 1 }, {})
  } catch (error) {
    const writable = page !== undefined && (page.protection & 2) !== 0 && !beyondEnd(page)
    // A private mapping gives a private page, whatever it maps.
    return same('exclusive', codeOf(error), !writable ? 'EFAULT' : page.shared ? 'EOPNOTSUPP' : '')
  }
  if (!attempt.commit(() => {})) throw new Error('exclusive commit was refused')
  const before = await device.engine!.fetchAdd!(entryPage(attempt.entries, 0), 0, 3)
  same('device fetchAdd', before, page!.own ?? page!.file?.values[page!.filePage] ?? 0)
  modelWrite(page!, (before + 3) >>> 0)
}

async function migrate(
  world: World,
  process: ModelProcess,
  step: Step,
  first: number,
  pages: number,
): Promise<void> {
  const to = step.kind === 'to-device' ? 'device' : 'system'
  const memory = world.devices[step.device % 2]!.memory!
  const request = {
    first,
    pages,
    to,
    declined: step.value % 4 === 0 ? [0] : [],
    order: 30,
  } as const
  const error = await errorOf(memory.migrate(process.mirrors[step.device % 2]!, request, {}))
  const hole = process.pages.slice(first, first + pages).includes(undefined)
  same('migrate', error, hole ? 'EINVAL' : undefined)
}

function bytesOf(value: number): Uint8Array {
  const bytes = new Uint8Array(4)
  new DataView(bytes.buffer).setUint32(0, value, true)
  return bytes
}

function word(bytes: Uint8Array): number {
  return new DataView(bytes.buffer, bytes.byteOffset).getUint32(0, true)
}

async function errorOf(work: Promise<unknown>): Promise<string | undefined> {
  try {
    await work
    return undefined
  } catch (error) {
    return codeOf(error)
  }
}

function codeOf(error: unknown): string {
  if (!HmmError.is(error)) throw error
  return error.code
}

function same(what: string, actual: unknown, expected: unknown): void {
  if (actual !== expected)
    throw new Error(`${what}: got ${String(actual)}, expected ${String(expected)}`)
}
