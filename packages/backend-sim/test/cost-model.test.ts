import { withBackend } from '@hmm-sdk/hmm-api'
import {
  control,
  createSimulation,
  DEFAULT_COSTS,
  type SimulationOptions,
} from '@hmm-sdk/backend-sim'
import { explore, type World } from '@hmm-sdk/backend-sim/explore'
import { expect, it } from 'vitest'

/** Virtual nanoseconds of the first write to a page. */
async function firstWrite(world: Pick<World, 'backend' | 'control'>): Promise<number> {
  const space = await world.backend.createAddressSpace()
  const buffer = await space.mmap({ pages: 1 })
  const before = world.control.now()
  await space.write(buffer.start, Uint8Array.of(1))
  const after = world.control.now()
  await space.close()
  return after - before
}

async function explored(simulation: SimulationOptions): Promise<Set<number>> {
  const seen = new Set<number>()
  const { failure } = await explore(async (world) => void seen.add(await firstWrite(world)), {
    simulation,
  })
  expect(failure?.message).toBeUndefined()
  return seen
}

it('a call costs what the model says, however many points it passes', async () => {
  const { call, fault } = DEFAULT_COSTS
  expect([...(await explored({}))]).toEqual([call + fault])
  expect([...(await explored({ costs: { call: 7 } }))]).toEqual([7 + fault])
  expect([...(await explored({ costs: { call: 7, fault: 1 } }))]).toEqual([8])
})

it('and the same where no schedules are explored', async () => {
  const backend = createSimulation({ costs: { call: 3, fault: 40 } })
  const took = withBackend((opened) => firstWrite({ backend: opened, control: control(opened) }), {
    backend,
  })
  expect(await took).toBe(43)
})
