import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { packed } from './packed.js'
import { runBin, write } from './project.js'

const RACE = `
import { defineScenario } from '@hmm-sdk/backend-sim/explore'
import type { DmaAddress } from '@hmm-sdk/hmm-api'

const make = (inside: boolean) =>
  defineScenario(async ({ backend, race }) => {
    const space = await backend.createAddressSpace()
    const device = await backend.openDevice('demo')
    const buffer = await space.mmap({ pages: 1 })
    let address: DmaAddress | undefined
    const mirror = await device.mirror(space, buffer, { invalidate: () => void (address = undefined) })
    await race({
      driver: async () => {
        const late = await mirror.map(buffer, { access: 'write' }, (mapping) => {
          if (inside) address = mapping.dmaAddress(0)
          return mapping.dmaAddress(0)
        })
        if (!inside) address = late
        if (address !== undefined) await device.engine.read(address, 1).catch(() => undefined)
      },
      process: () => space.madvise(buffer, 'dontneed'),
    })
    await mirror.close()
    await device.close()
    await space.close()
  })

export const good = make(true)
export const broken = make(false)
`

async function hmm(...args: string[]): Promise<{ code: number | null; output: string }> {
  const { project } = packed()
  await write(project, 'race.ts', RACE)
  return runBin(project, 'hmm', args)
}

/** The line of the whole, but for the time that it took. */
function whole(output: string): unknown {
  const { seconds: _seconds, ...rest } = JSON.parse(output.trim().split('\n').at(-1)!) as {
    seconds: number
  }
  return rest
}

test('four worker threads come to the same as one', async () => {
  for (const [name, expected] of [
    ['good', 0],
    ['broken', 1],
  ] as const) {
    const args = ['explore', `race.ts#${name}`, '--schedules', '320', '--json', '--workers']
    const one = await hmm(...args, '1')
    const four = await hmm(...args, '4')
    expect(one.code, one.output).toBe(expected)
    expect(four.code, four.output).toBe(expected)
    expect(whole(four.output)).toEqual(whole(one.output))
    expect(whole(one.output)).toMatchObject({ hmm: 'exploration', plan: { schedules: 320 } })
  }
})

test('three processes, each with a shard, merged, come to the same as one', async () => {
  const { project } = packed()
  const args = ['explore', 'race.ts#broken', '--schedules', '320', '--workers', '1', '--json']
  const one = await hmm(...args)
  const shards = await Promise.all(
    [0, 1, 2].map(async (index) => {
      const { code, output } = await hmm(...args, '--shard', `${index}/3`)
      expect([0, 1], output).toContain(code)
      await write(project, `shard-${index}.jsonl`, output)
      return `shard-${index}.jsonl`
    }),
  )
  const merged = await hmm('merge', ...shards, '--json')
  expect(merged.code, merged.output).toBe(1)
  expect(whole(merged.output)).toEqual(whole(one.output))
})

test('a reader that has enough (`| head`) ends it without a word', async () => {
  const { project } = packed()
  await write(project, 'race.ts', RACE)
  const args = ['explore', 'race.ts#good', '--schedules', '3200', '--workers', '1', '--json']
  const child = spawn(join(project, 'node_modules/.bin/hmm'), args, { cwd: project })
  let error = ''
  child.stderr.on('data', (chunk: Buffer) => void (error += chunk.toString()))
  child.stdout.once('data', () => child.stdout.destroy())
  expect(await once(child, 'close')).toEqual([0, null])
  expect(error).toBe('')
})
