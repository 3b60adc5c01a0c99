import {
  HmmError,
  type AddressSpace,
  type Backend,
  type Device,
  type VirtualRange,
} from '@hmm-sdk/hmm-api'
import { meanwhile, type StoryLog } from '../story-log.js'
import type { Channel } from './channel.js'
import { NouveauDriver } from './driver.js'
import type { SharedMemory } from './shared-memory.js'

const VECTOR_PAGES = 8
/** Fewer words than the pages hold: vectors begin at addresses inside their first page. */
const WORDS_LESS = 192
/** What a backend reports after the fact comes within this time, or never. */
const REPORT_DEADLINE_MS = 10_000

/** Attempts to move pages that are busy. */
const MOST_ATTEMPTS = 1000

/** What the parts of the story share. */
interface Scene {
  readonly log: StoryLog
  readonly space: AddressSpace
  readonly device: Device
  readonly driver: NouveauDriver
  readonly memory: SharedMemory
  readonly channel: Channel
  readonly arena: VirtualRange
  /** Length of the vectors. */
  readonly words: number
  readonly a: Vector
  readonly b: Vector
  readonly c: Vector
}

/** 32-bit words in the memory of the process, at a plain pointer. */
class Vector {
  readonly pages: VirtualRange
  readonly #space: AddressSpace
  readonly #offset: number
  readonly #words: number

  constructor(space: AddressSpace, pages: VirtualRange, offset: number, words: number) {
    this.pages = pages
    this.#space = space
    this.#offset = offset
    this.#words = words
  }

  get pointer() {
    return this.pages.at(this.#offset)
  }

  write(words: Uint32Array): Promise<void> {
    return this.#space.write(this.pointer, bytesOf(words))
  }

  read(): Promise<Uint8Array> {
    return this.#space.read(this.pointer, 4 * this.#words)
  }
}

/**
 * The nouveau example on any backend whose config has the device `gpu`. Throws when something is
 * not as it must be.
 */
export async function nouveauStory(backend: Backend, log: StoryLog): Promise<void> {
  await using space = await backend.createAddressSpace({ name: 'application' })
  await using device = await backend.openDevice('gpu')
  await using driver = new NouveauDriver(device)

  const arena = await space.mmap({ pages: 64 })
  const memory = await driver.bind(space, arena)
  const channel = driver.openChannel(memory)
  const words = arena.slice(0, VECTOR_PAGES).bytes / 4 - WORDS_LESS
  const a = new Vector(space, arena.slice(0, VECTOR_PAGES), 20, words)
  const b = new Vector(space, arena.slice(8, VECTOR_PAGES), 4, words)
  const c = new Vector(space, arena.slice(16, VECTOR_PAGES), 36, words)
  const scene: Scene = { log, space, device, driver, memory, channel, arena, words, a, b, c }
  log.step(`the GPU shares ${arena.pages} pages with the process; none is mapped yet`)

  await sharedPointers(scene)
  await protectWhileRunning(scene)
  await deviceMemory(scene)
  await atomics(scene)
  await badPointers(scene)
  await exitWhileRunning(scene)
}

async function sharedPointers({ log, driver, channel, words, a, b, c }: Scene): Promise<void> {
  await a.write(numbers(words, 1))
  await b.write(numbers(words, 2))
  await channel.vectorAdd(a.pointer, b.pointer, c.pointer, words)
  log.equal('c = a + b', await c.read(), sum(numbers(words, 1), numbers(words, 2)))
  const { faults, batches, mapped } = driver.counts
  log.expect('faults on the same page are answered together', mapped < faults)
  log.step(
    `vector add on plain pointers: ${faults} faults in ${batches} batches, answered by ${mapped} mappings`,
  )

  await b.write(numbers(words, 3))
  await channel.vectorAdd(a.pointer, b.pointer, c.pointer, words)
  log.equal('c = a + new b', await c.read(), sum(numbers(words, 1), numbers(words, 3)))
  log.step('the CPU wrote, the GPU computed again on the same pages')
}

async function protectWhileRunning({ log, space, channel, words, a, b, c }: Scene): Promise<void> {
  const running = meanwhile(channel.vectorAdd(b.pointer, a.pointer, c.pointer, words))
  await space.mprotect(a.pages, 'r')
  await space.madvise(c.pages, 'dontneed')
  await running
  await space.mprotect(a.pages, 'rw')
  await channel.vectorAdd(a.pointer, b.pointer, c.pointer, words)
  log.equal('c after mprotect', await c.read(), sum(numbers(words, 1), numbers(words, 3)))
  log.step('the process changed its mappings while the GPU ran: the GPU faulted again')
}

async function deviceMemory({
  log,
  device,
  memory,
  channel,
  words,
  a,
  b,
  c,
}: Scene): Promise<void> {
  let cameBack = 0
  const vectorIsBack = device.sync.completion('a vector is back')
  device.memory.setCpuFaultPages(1)
  device.memory.onCpuFault((pages) => {
    cameBack += pages
    if (cameBack >= VECTOR_PAGES) vectorIsBack.complete()
  })
  for (const { pages } of [a, b, c]) {
    const { there, used } = await moveToDevice(memory, pages)
    log.expect('all pages moved to the device', there === VECTOR_PAGES)
    log.expect('the GPU uses its own memory', used === VECTOR_PAGES)
  }
  await channel.vectorAdd(a.pointer, b.pointer, c.pointer, words)
  log.expect('the CPU has not touched a page yet', cameBack === 0)
  log.step(`${3 * VECTOR_PAGES} pages moved to the memory of the GPU, which computed there`)

  log.equal('c from device memory', await c.read(), sum(numbers(words, 1), numbers(words, 3)))
  await vectorIsBack.wait({ deadlineMs: REPORT_DEADLINE_MS })
  log.expect('only the touched pages came back', cameBack === VECTOR_PAGES)
  log.equal('a after its way to the device and back', await a.read(), bytesOf(numbers(words, 1)))
  log.equal('b after its way to the device and back', await b.read(), bytesOf(numbers(words, 3)))
  device.memory.onCpuFault(undefined)
  log.step('the CPU touched the pages: they came back by CPU faults, with what the GPU wrote')
}

async function atomics({ log, space, device, channel, arena }: Scene): Promise<void> {
  const missing = [
    device.capabilities.get('exclusive'),
    device.capabilities.get('engine.atomics'),
    space.capabilities.get('space.atomics'),
  ].find(({ supported }) => !supported)
  if (missing?.supported === false) {
    log.step(`no atomics here: ${missing.reason}`)
    return
  }
  const word = arena.slice(32, 1).at(64)
  await space.write(word, new Uint8Array(4))
  const running = meanwhile(channel.atomicAdd(word, 3, 100))
  for (let count = 0; count < 20; count++) await space.fetchAdd(word, 1000)
  await running
  log.equal('the counter', await space.read(word, 4), bytesOf(Uint32Array.of(20_300)))
  log.step('CPU and GPU added to one counter atomically; the page went to and fro between them')
}

async function badPointers(scene: Scene): Promise<void> {
  const { log, space, driver, memory, channel, arena, words, a, b, c } = scene
  const victim = driver.openChannel(memory)
  const hole = arena.slice(40, 8)
  await space.munmap(hole)
  const [unmapped, good] = await Promise.allSettled([
    victim.vectorAdd(a.pointer, b.pointer, hole.start, words),
    channel.vectorAdd(b.pointer, b.pointer, c.pointer, words),
  ])
  log.expect('an unmapped pointer cancels its channel', causeOf(unmapped) === 'EFAULT')
  log.expect('the other channel goes on', good.status === 'fulfilled')
  log.equal('c of the other channel', await c.read(), sum(numbers(words, 3), numbers(words, 3)))

  await space.mprotect(a.pages, 'r')
  const [readOnly] = await Promise.allSettled([
    victim.vectorAdd(b.pointer, b.pointer, a.pointer, words),
  ])
  log.expect('a write to read-only memory cancels its channel', causeOf(readOnly) === 'EPERM')
  log.equal('the read-only memory', await a.read(), bytesOf(numbers(words, 1)))
  await driver.closeChannel(victim)
  log.step('pointers that the process itself could not use cancelled their channel, and no other')
}

async function exitWhileRunning(scene: Scene): Promise<void> {
  const { log, space, driver, memory, channel, words, a, b, c } = scene
  const running = Promise.allSettled([channel.vectorAdd(a.pointer, b.pointer, c.pointer, words)])
  await space.exit()
  await space.released
  const [ended] = await running
  const [late] = await Promise.allSettled([
    channel.vectorAdd(a.pointer, b.pointer, c.pointer, words),
  ])
  log.expect('the program ended', ended.status === 'fulfilled' || causeOf(ended) !== undefined)
  log.expect('memory of a gone process cannot be used', causeOf(late) === 'ESRCH')
  await driver.unbind(memory)
  log.step('the process exited while the GPU ran: its channel was cancelled, nothing was left')
}

/**
 * Moves pages until none is busy: one that the kernel holds for a moment (while a processor empties its
 * list of new pages) goes at another attempt. How many are there then, and were mapped there.
 */
async function moveToDevice(
  memory: SharedMemory,
  pages: VirtualRange,
): Promise<{ there: number; used: number }> {
  for (let attempt = 1; ; attempt++) {
    const before = memory.devicePages
    const result = await memory.migrate(pages, 'device')
    if (attempt === MOST_ATTEMPTS || !result?.count('busy')) {
      const there = (result?.migrated ?? 0) + (result?.count('already-there') ?? 0)
      return { there, used: memory.devicePages - before }
    }
  }
}

/** The code of the error that cancelled a channel. */
function causeOf(result: PromiseSettledResult<void>): string | undefined {
  if (result.status !== 'rejected') return undefined
  const { cause } = result.reason as { cause?: unknown }
  return HmmError.is(cause) ? cause.code : undefined
}

function numbers(words: number, seed: number): Uint32Array {
  return Uint32Array.from({ length: words }, (_, index) => Math.imul(index + seed, 2654435761))
}

function sum(left: Uint32Array, right: Uint32Array): Uint8Array {
  return bytesOf(left.map((word, index) => word + (right[index] ?? 0)))
}

function bytesOf(words: Uint32Array): Uint8Array {
  return new Uint8Array(words.buffer, words.byteOffset, words.byteLength)
}
