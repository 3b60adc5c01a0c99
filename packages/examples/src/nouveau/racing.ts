import { HmmError } from '@hmm-sdk/hmm-api'
import { sameBytes, type ScenarioWorld } from '../scenario-world.js'
import { NouveauDriver } from './driver.js'

const WORDS = 4

/**
 * The nouveau driver under exploration: the GPU adds vectors by plain pointers while the process
 * changes its memory, a page migrates to the GPU and back, and another is reclaimed.
 */
export async function nouveauRacing({ backend, control, race }: ScenarioWorld): Promise<void> {
  await using space = await backend.createAddressSpace({ name: 'application' })
  await using device = await backend.openDevice('gpu')
  await using driver = new NouveauDriver(device)
  const arena = await space.mmap({ pages: 4 })
  const [a, b, c, hole] = [arena.page(0), arena.page(1), arena.page(2), arena.page(3)]
  await space.write(a.start, numbers(1))
  await space.write(b.start, numbers(2))
  await space.write(hole.start, numbers(3))
  const memory = await driver.bind(space, arena)
  const channel = driver.openChannel(memory)
  const victim = driver.openChannel(memory)

  await race({
    gpu: () => channel.vectorAdd(a.start, b.start, c.start, WORDS),
    victim: async () => {
      try {
        await victim.vectorAdd(a.start, hole.start, c.at(64), WORDS)
      } catch (error) {
        if (!HmmError.is(error, 'EFAULT')) throw error
      }
    },
    driver: async () => {
      await memory.migrate(a, 'device')
    },
    process: async () => {
      await using child = await space.fork({ name: 'child' })
      await space.munmap(hole)
      sameBytes('a of the child', await child.read(a.start, 4 * WORDS), numbers(1))
    },
    reclaim: () => control.reclaim(space, b),
  })

  sameBytes('c', await space.read(c.start, 4 * WORDS), sum(1, 2))
  sameBytes('a', await space.read(a.start, 4 * WORDS), numbers(1))
  await channel.vectorAdd(b.start, b.start, c.start, WORDS)
  sameBytes('c after all', await space.read(c.start, 4 * WORDS), sum(2, 2))
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
