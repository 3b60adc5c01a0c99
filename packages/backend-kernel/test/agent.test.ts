import { spawn } from 'node:child_process'
import { existsSync, readFileSync, rmSync } from 'node:fs'
import { dirname } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { supported, type Advice } from '@hmm-sdk/hmm-api'
import type { RawMmap } from '@hmm-sdk/hmm-api/raw'
import { KernelAddressSpace, type SpaceHost } from '../src/address-space.js'
import { AgentClient, type AgentHello, type AgentReady } from '../src/agent-client.js'
import {
  AGENT_CHUNK,
  encodeFrame,
  FrameReader,
  OP_FORK,
  OP_MMAP,
  OP_READ,
  OP_SPAWN,
  Packer,
  packRange,
} from '../src/agent-protocol.js'
import { buildAgent, canBuild } from './build-agent.js'

const RW = 3
const bytes = (...values: number[]): Uint8Array => Uint8Array.from(values)
const anonymous = (pages: number, more: Partial<RawMmap> = {}): RawMmap => ({
  pages,
  protection: RW,
  shared: false,
  startPage: undefined,
  file: undefined,
  filePage: 0,
  populate: false,
  ...more,
})

describe.skipIf(!canBuild)('agent (skipped without a C compiler and make)', () => {
  let path: string
  let agent: AgentClient
  let ready: AgentReady
  let host: SpaceHost
  let dispatched = 0

  beforeAll(() => {
    path = buildAgent()
  })
  afterAll(() => rmSync(dirname(path), { recursive: true }))

  beforeEach(async () => {
    const started = await AgentClient.start(path, undefined)
    agent = started.agent
    ready = started.ready
    host = {
      agent,
      pageShift: Math.log2(ready.pageSize),
      window: [ready.windowStart / ready.pageSize, ready.windowEnd / ready.pageSize],
      spaceCapabilities: { 'space.fork': supported() },
      dispatchEvents: () => void (dispatched += 1),
      adopt: (hello: AgentHello) => new KernelAddressSpace(host, hello),
      forget: () => undefined,
      hold: () => () => undefined,
    }
  })
  afterEach(() => agent.close())

  const newSpace = async (): Promise<KernelAddressSpace> =>
    new KernelAddressSpace(host, await agent.spawn('test'))

  it('maps upwards through the arena, with an unmapped page behind each mapping', async () => {
    const space = await newSpace()
    const first = await space.mmap(anonymous(4))
    const second = await space.mmap(anonymous(2))
    expect(first * ready.pageSize).toBe(ready.arenaStart)
    expect(second).toBe(first + 5)
    await expect(space.read(first + 4, 0, 1)).rejects.toMatchObject({ code: 'EFAULT' })
    expect(await space.read(first + 3, 4090, 6)).toEqual(new Uint8Array(6))
  })

  it('gives the same addresses to the same commands', async () => {
    const [a, b] = [await newSpace(), await newSpace()]
    expect(await a.mmap(anonymous(600))).toBe(await b.mmap(anonymous(600)))
  })

  it('aligns large mappings for huge pages', async () => {
    const space = await newSpace()
    await space.mmap(anonymous(1))
    expect((await space.mmap(anonymous(512))) % 512).toBe(0)
  })

  it('reads and writes across pages, in chunks', async () => {
    const space = await newSpace()
    const page = await space.mmap(anonymous(40))
    const data = new Uint8Array(2 * AGENT_CHUNK + 777).map((_, index) => index * 7)
    await space.write(page, 100, data)
    expect(await space.read(page, 100, data.length)).toEqual(data)
  })

  it('catches faults of CPU accesses, and the process survives', async () => {
    const space = await newSpace()
    const page = await space.mmap(anonymous(2))
    await space.mprotect(page, 1, 0)
    await expect(space.read(page, 0, 1)).rejects.toMatchObject({ code: 'EFAULT' })
    await space.mprotect(page, 1, 1)
    await expect(space.write(page, 0, bytes(1))).rejects.toMatchObject({ code: 'EFAULT' })
    await expect(space.fetchAdd(page, 0, 1)).rejects.toMatchObject({ code: 'EFAULT' })
    expect(await space.read(page, 0, 1)).toEqual(bytes(0))
    const file = await space.createFile(1)
    const beyond = await space.mmap(anonymous(2, { file, shared: true }))
    await expect(space.read(beyond + 1, 0, 1)).rejects.toMatchObject({ code: 'EFAULT' })
    expect(await space.read(beyond, 0, 1)).toEqual(bytes(0))
  })

  it('keeps its own memory out of reach', async () => {
    const space = await newSpace()
    for (const page of [0x400, 0x401, 0x7_ffff_fffe, 2 ** 52 - 1]) {
      await expect(space.read(page, 0, 8)).rejects.toMatchObject({ code: 'EFAULT' })
      await expect(space.munmap(page, 1)).rejects.toMatchObject({ code: 'EINVAL' })
      await expect(space.mprotect(page, 1, 0)).rejects.toMatchObject({ code: 'EINVAL' })
      await expect(space.mmap(anonymous(1, { startPage: page }))).rejects.toMatchObject({
        code: 'EINVAL',
      })
    }
    const maps = readFileSync(`/proc/${space.pid}/maps`, 'utf8').trim().split('\n')
    const own = maps
      .map((line) => Number.parseInt(line.split('-')[0] as string, 16))
      .filter((start) => start >= ready.windowStart && start < ready.windowEnd)
    // The two guards only.
    expect(own).toEqual([ready.arenaStart - ready.pageSize, ready.arenaEnd])
  })

  it('unmaps, remaps in place and to a fixed place', async () => {
    const space = await newSpace()
    const page = await space.mmap(anonymous(4))
    await space.write(page, 0, bytes(1, 2, 3))
    const grown = { startPage: page, pages: 4, newPages: 5, mayMove: false, dontUnmap: false }
    expect(await space.mremap({ ...grown, toPage: undefined })).toBe(page)
    const blocker = await space.mmap(anonymous(1))
    expect(blocker).toBeGreaterThan(page)
    const wide = { startPage: page, pages: 5, newPages: 64, mayMove: true, dontUnmap: false }
    const moved = await space.mremap({ ...wide, toPage: undefined })
    expect(moved).not.toBe(page)
    expect(moved * ready.pageSize).toBeGreaterThan(ready.arenaStart)
    expect(moved * ready.pageSize).toBeLessThan(ready.arenaEnd)
    expect(await space.read(moved, 0, 3)).toEqual(bytes(1, 2, 3))
    await expect(space.read(page, 0, 1)).rejects.toMatchObject({ code: 'EFAULT' })
    const fixed = { startPage: moved, pages: 64, newPages: 64, mayMove: true, dontUnmap: false }
    await expect(space.mremap({ ...fixed, toPage: moved + 1 })).rejects.toMatchObject({
      code: 'EINVAL', // old and new overlap
    })
    const far = page + 4096
    expect(await space.mremap({ ...fixed, toPage: far })).toBe(far)
    expect(await space.read(far, 0, 3)).toEqual(bytes(1, 2, 3))
    const left = { startPage: far, pages: 64, newPages: 64, mayMove: true, dontUnmap: true }
    const away = await space.mremap({ ...left, toPage: undefined })
    expect(await space.read(away, 0, 3)).toEqual(bytes(1, 2, 3))
    expect(await space.read(far, 0, 3)).toEqual(bytes(0, 0, 0))
    await space.munmap(away, 64)
    await expect(space.read(away, 0, 1)).rejects.toMatchObject({ code: 'EFAULT' })
    await expect(
      space.mremap({
        ...grown,
        startPage: blocker,
        pages: 1,
        newPages: 2 ** 30,
        toPage: undefined,
      }),
    ).rejects.toMatchObject({ code: 'ENOMEM' })
  })

  it('knows every advice', async () => {
    const space = await newSpace()
    const page = await space.mmap(anonymous(512))
    const advices: Advice[] = ['willneed', 'cold', 'hugepage', 'nohugepage', 'dontfork', 'dofork']
    for (const advice of advices) {
      // A kernel without THP answers EINVAL: also an answer to the right advice.
      await space.madvise(page, 512, advice).catch((error: { code: string }) => {
        expect(error.code).toBe('EINVAL')
      })
    }
    await space.write(page, 0, bytes(9))
    await space.madvise(page, 1, 'dontneed')
    expect(await space.read(page, 0, 1)).toEqual(bytes(0))
    await expect(space.madvise(page, 1, 'remove')).rejects.toMatchObject({ code: 'EINVAL' })
  })

  it('has atomics that give the value before', async () => {
    const space = await newSpace()
    const page = await space.mmap(anonymous(1))
    expect(await space.fetchAdd(page, 8, 0xffff_ffff)).toBe(0)
    expect(await space.fetchAdd(page, 8, -1)).toBe(0xffff_ffff)
    expect(await space.compareExchange(page, 8, 1, 5)).toBe(0xffff_fffe)
    expect(await space.compareExchange(page, 8, 0xffff_fffe, 5)).toBe(0xffff_fffe)
    expect(await space.fetchAdd(page, 8, 0)).toBe(5)
  })

  it('maps files, shared and private, truncates and punches', async () => {
    const space = await newSpace()
    const file = await space.createFile(4)
    const shared = await space.mmap(anonymous(4, { file, shared: true }))
    const other = await space.mmap(anonymous(3, { file, filePage: 1 }))
    await space.write(shared + 1, 0, bytes(7))
    expect(await space.read(other, 0, 1)).toEqual(bytes(7))
    await space.write(other, 0, bytes(8))
    expect(await space.read(shared + 1, 0, 1)).toEqual(bytes(7))
    await file.punchHole(1, 1)
    expect(await space.read(shared + 1, 0, 1)).toEqual(bytes(0))
    await file.truncate(2)
    await expect(space.read(shared + 3, 0, 1)).rejects.toMatchObject({ code: 'EFAULT' })
    await file.close()
    await file.close()
    expect(await space.read(shared, 0, 1)).toEqual(bytes(0))
  })

  it('forks copy-on-write, with the files of the parent; the child has a channel of its own', async () => {
    const parent = await newSpace()
    const page = await parent.mmap(anonymous(1))
    const file = await parent.createFile(1)
    await parent.write(page, 0, bytes(1))
    const child = (await parent.fork('child')) as KernelAddressSpace
    expect(child.pid).not.toBe(parent.pid)
    await child.write(page, 0, bytes(2))
    expect(await parent.read(page, 0, 1)).toEqual(bytes(1))
    expect(await child.read(page, 0, 1)).toEqual(bytes(2))
    const shared = await child.mmap(anonymous(1, { file, shared: true }))
    await child.write(shared, 0, bytes(3))
    const here = await parent.mmap(anonymous(1, { file, shared: true }))
    expect(await parent.read(here, 0, 1)).toEqual(bytes(3))
    await parent.kill()
    expect(await child.read(page, 0, 1)).toEqual(bytes(2))
    const grandchild = (await child.fork('grandchild')) as KernelAddressSpace
    await child.exit(3)
    expect(await grandchild.read(page, 0, 1)).toEqual(bytes(2))
  })

  it('works for different processes at once', async () => {
    const spaces = await Promise.all(Array.from({ length: 16 }, newSpace))
    const pages = await Promise.all(spaces.map((space) => space.mmap(anonymous(1))))
    await Promise.all(spaces.map((space, i) => space.write(pages[i] as number, 0, bytes(i))))
    const read = await Promise.all(spaces.map((space, i) => space.read(pages[i] as number, 0, 1)))
    expect(read.map(([value]) => value)).toEqual([...spaces.keys()])
  })

  it('a stopped process delays no other, and can be killed', async () => {
    const [stopped, other] = [await newSpace(), await newSpace()]
    process.kill(stopped.pid, 'SIGSTOP')
    const pending = stopped.mmap(anonymous(1)).catch((error: { code: string }) => error.code)
    expect(await other.mmap(anonymous(1))).toBeGreaterThan(0)
    await stopped.kill()
    expect(await pending).toBe('ESRCH')
  })

  it('exec drops the address space; exit and kill end the process and are reaped', async () => {
    const space = await newSpace()
    const page = await space.mmap(anonymous(1))
    await space.write(page, 0, bytes(5))
    await space.exec()
    await expect(space.read(page, 0, 1)).rejects.toMatchObject({ code: 'EFAULT' })
    await space.exit(0)
    expect(existsSync(`/proc/${space.pid}`)).toBe(false)
    const second = await newSpace()
    await second.kill()
    await second.kill()
    expect(existsSync(`/proc/${second.pid}`)).toBe(false)
    await expect(second.read(page, 0, 1)).rejects.toMatchObject({ code: 'ESRCH' })
  })

  it('dispatches events after every command, failed or not', async () => {
    const space = await newSpace()
    dispatched = 0
    const page = await space.mmap(anonymous(1))
    await space.read(page + 5, 0, 1).catch(() => undefined)
    expect(dispatched).toBe(2)
  })

  it('refuses what is too long or too short, and unknown commands', async () => {
    const space = await newSpace()
    const send = (op: number, payload: Uint8Array): Promise<Uint8Array> =>
      agent.command(space.id, op, payload)
    const start = ready.arenaStart
    await expect(send(OP_READ, packRange(start, AGENT_CHUNK + 1))).rejects.toMatchObject({
      code: 'EINVAL',
    })
    await expect(send(OP_READ, new Uint8Array(3))).rejects.toMatchObject({ code: 'EINVAL' })
    await expect(send(999, new Uint8Array())).rejects.toMatchObject({ code: 'ENOTTY' })
    await expect(agent.command(4711, OP_READ, packRange(start, 1))).rejects.toMatchObject({
      code: 'ESRCH',
    })
  })

  it('survives random commands: they reach nothing of its own', async () => {
    const space = await newSpace()
    const pages = await space.mmap(anonymous(64))
    let seed = 1
    const random = (below: number): number => {
      seed = (Math.imul(seed, 1103515245) + 12345) >>> 0
      return (seed >>> 8) % below
    }
    const places = [0, 1, 0x400000, 0x7fff_ffff_f000, pages * 4096, 2 ** 47, 2 ** 63, 2 ** 64 - 1]
    const codes = new Map<string, number>()
    const ops = Array.from({ length: OP_FORK - OP_MMAP }, (_, index) => OP_MMAP + index)
    for (let i = 0; i < 3000; i++) {
      const packer = new Packer()
      for (let field = random(6); field >= 0; field--) {
        if (random(3) === 0)
          packer.u64((places[random(places.length)] as number) + random(9) * 4096)
        else packer.u32(random(4) === 0 ? random(2 ** 24) : random(32)).u32(random(2) * random(99))
      }
      const outcome = await agent
        .command(space.id, ops[random(ops.length)] as number, packer.done())
        .then(
          () => 'ok',
          (error: { code: string }) => error.code,
        )
      codes.set(outcome, (codes.get(outcome) ?? 0) + 1)
    }
    expect([...codes.keys()]).not.toContain('ESRCH')
    expect([...codes.keys()]).not.toContain('EIO')
    expect(codes.get('ok')).toBeGreaterThan(10)
    expect(codes.get('EINVAL')).toBeGreaterThan(100)
    const page = await space.mmap(anonymous(1))
    await space.write(page, 0, bytes(1))
    expect(await space.read(page, 0, 1)).toEqual(bytes(1))
  })

  it('ends at a frame that is too long', async () => {
    const child = spawn(path, ['--no-bind'], { stdio: ['pipe', 'ignore', 'pipe', 'ignore'] })
    let text = ''
    child.stderr?.on('data', (chunk: Buffer) => void (text += chunk.toString()))
    child.stdin?.write(Buffer.alloc(16, 0xff))
    const status = await new Promise((resolve) => child.once('close', resolve))
    expect(status).toBe(2)
    expect(text).toBe('hmm-agent: a frame is too long\n')
  })

  it('dies with Node, and its processes with it, even by SIGKILL', async () => {
    const script = `
      const { spawn } = require('node:child_process')
      const child = spawn(${JSON.stringify(path)}, ['--no-bind'], { stdio: ['pipe', 'pipe', 'inherit', 'ignore'] })
      child.stdin.write(Buffer.from(${JSON.stringify([...encodeFrame({ process: 1, request: 1, code: OP_SPAWN, payload: new Uint8Array() })])}))
      child.stdout.on('data', (data) => process.stdout.write(data))`
    const node = spawn(process.execPath, ['-e', script], { stdio: ['ignore', 'pipe', 'inherit'] })
    const reader = new FrameReader()
    const pid = await new Promise<number>((resolve) => {
      node.stdout.on('data', (chunk: Buffer) => {
        for (const frame of reader.push(chunk)) {
          if (frame.request === 1) resolve(Buffer.from(frame.payload).readUInt32LE(0))
        }
      })
    })
    const supervisor = Number(/PPid:\t(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1])
    node.kill('SIGKILL')
    for (let i = 0; i < 4000 && (alive(pid) || alive(supervisor)); i++) await sleep(10)
    expect([alive(pid), alive(supervisor)]).toEqual([false, false])
  })

  it('says that the agent died, to all that wait', async () => {
    const space = await newSpace()
    const supervisor = Number(
      /PPid:\t(\d+)/.exec(readFileSync(`/proc/${space.pid}/status`, 'utf8'))?.[1],
    )
    process.kill(supervisor, 'SIGKILL')
    await expect(space.mmap(anonymous(1))).rejects.toMatchObject({ code: 'EIO' })
    await expect(agent.spawn('late')).rejects.toMatchObject({ code: 'EIO' })
  })
})

/** Not there, or a zombie that its new parent has not reaped. */
function alive(pid: number): boolean {
  try {
    return !/State:\tZ/.test(readFileSync(`/proc/${pid}/status`, 'utf8'))
  } catch {
    return false
  }
}
