// How many simulations a second are made, touched and closed again.
import { createSimulation } from '@hmm-sdk/backend-sim'
import { openBackend } from '@hmm-sdk/hmm-api'
import { interleaved } from './interleaved.mjs'

const TIMES = 2000

export default async function measure() {
  const [value] = await interleaved([cycle], { rounds: 9 })
  const perSecond = TIMES / (value / 1e9)
  return [{ name: 'reset', value: perSecond, unit: '/s', bar: 50_000, better: 'higher' }]
}

async function cycle() {
  for (let i = 0; i < TIMES; i++) {
    const backend = await openBackend({ backend: createSimulation, config: false })
    const space = await backend.createAddressSpace()
    await space.mmap({ pages: 50, populate: true })
    await backend.close()
  }
}
