import { HmmError } from '@hmm-sdk/hmm-api'
import { sameBytes, type FailingWorld } from '../scenario-world.js'
import { NouveauDriver } from './driver.js'

/** Words of the vectors: more than a page, less than two. */
const WORDS = 1100

/**
 * All that the nouveau driver does, on few pages, for `failEveryStep`: each step fails once for
 * every point in it, is done again, and everything after it has to be as if nothing had failed.
 */
export async function nouveauFailing({ backend, control, step }: FailingWorld): Promise<void> {
  await using space = await step('start', () => backend.createAddressSpace({ name: 'application' }))
  await using device = await step('probe', () => backend.openDevice('gpu'))
  await using driver = new NouveauDriver(device)
  const arena = await step('mmap', () => space.mmap({ pages: 8 }))
  const memory = await step('bind', () => driver.bind(space, arena))
  const channel = driver.openChannel(memory)
  const [a, b, c] = [arena.page(0).at(20), arena.page(2).at(20), arena.page(4).at(20)]
  const look = (what: string): Promise<Uint8Array> => step(what, () => space.read(c, 4 * WORDS))

  await step('write a', () => space.write(a, numbers(1)))
  await step('write b', () => space.write(b, numbers(2)))
  await step('add', () => channel.vectorAdd(a, b, c, WORDS))
  sameBytes('c', await look('read c'), sum(1, 2))

  for (const page of [0, 2, 4]) {
    const range = arena.slice(page, 2)
    await step('migrate', async () => {
      const result = await memory.migrate(range, 'device')
      // Best effort: what stayed because something failed is told page by page.
      const stayed = result === undefined ? 2 : result.count('busy') + result.count('no-memory')
      if (stayed > 0) throw new HmmError('EBUSY', { message: `${stayed} pages stayed` })
    })
  }
  await step('add in device memory', () => channel.vectorAdd(b, b, c, WORDS))
  sameBytes('c from device memory', await look('read c from device memory'), sum(2, 2))
  await step('bring back', () => memory.migrate(arena.slice(0, 2), 'system'))
  await control.reclaim(space, arena)
  await step('add after reclaim', () => channel.vectorAdd(a, a, c, WORDS))
  sameBytes('c after reclaim', await look('read c after reclaim'), sum(1, 1))

  const word = arena.page(6).at(64)
  await step('clear', () => space.write(word, new Uint8Array(4)))
  // Counts what was added, since a program that failed half way has added something.
  await step('atomics', async () => {
    await space.write(word, new Uint8Array(4))
    await channel.atomicAdd(word, 3, 5)
    await space.fetchAdd(word, 1000)
    await channel.atomicAdd(word, 3, 5)
  })
  const counter = await step('read the counter', () => space.read(word, 4))
  sameBytes('the counter', counter, bytesOf(Uint32Array.of(1030)))

  await using child = await step('fork', () => space.fork({ name: 'child' }))
  await step('add after fork', () => channel.vectorAdd(a, b, c, WORDS))
  sameBytes('c after fork', await look('read c after fork'), sum(1, 2))
  const kept = await step('read of the child', () => child.read(c, 4 * WORDS))
  sameBytes('c of the child', kept, sum(1, 1))

  await step('munmap', () => space.munmap(arena.page(7)))
  await step('use what is unmapped', async () => {
    const [outcome] = await Promise.allSettled([channel.vectorAdd(a, b, arena.page(7).start, 8)])
    if (outcome.status === 'fulfilled') throw new Error('the GPU wrote to unmapped memory')
    if (!HmmError.is(outcome.reason, 'EFAULT')) throw outcome.reason
  })
  await driver.closeChannel(channel)
  await driver.unbind(memory)
}

/** Words that differ for every `seed`, as bytes. */
function numbers(seed: number): Uint8Array {
  return bytesOf(words(seed))
}

function sum(left: number, right: number): Uint8Array {
  const added = words(right)
  return bytesOf(words(left).map((word, index) => word + (added[index] ?? 0)))
}

function words(seed: number): Uint32Array {
  const made = new Uint32Array(WORDS)
  for (let index = 0; index < WORDS; index++) made[index] = Math.imul(index + seed, 2654435761)
  return made
}

function bytesOf(values: Uint32Array): Uint8Array {
  return new Uint8Array(values.buffer)
}
