// How many simulations a second are made, touched and closed again.
import { interleaved } from './interleaved.mjs'
import { scene } from './scene.mjs'

const TIMES = 2000

export default async function measure() {
  const [value] = await interleaved([cycle], { rounds: 9 })
  const perSecond = TIMES / (value / 1e9)
  return [{ name: 'reset', value: perSecond, unit: '/s', bar: 50_000, better: 'higher' }]
}

async function cycle() {
  for (let i = 0; i < TIMES; i++) {
    const { backend, space } = await scene()
    await space.mmap({ pages: 50, populate: true })
    await backend.close()
  }
}
