import { accessSync, constants, readFileSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { cachePath, readJson, removeTree, writeJson } from './cache.mjs'
import { ensureInitramfs } from './initramfs.mjs'
import { QEMU, qemuArguments } from './qemu.mjs'
import { makeRunFolder } from './run-folder.mjs'
import { runProcess } from './run-process.mjs'
import { startQemu } from './start-qemu.mjs'
import { VmError } from './vm-error.mjs'
import { withLock } from './with-lock.mjs'

const PROBE_LIMIT_MS = 20_000

/**
 * KVM when a guest really booted with it, else emulation: /dev/kvm opens on machines where no guest
 * gets past its decompressor. The answer holds until the host boots again or its QEMU changes.
 *
 * @param {import('./kernels.mjs').Kernel} kernel
 * @param {{ progress: import('./progress.mjs').Progress }} options
 * @returns {Promise<'kvm' | 'tcg'>}
 */
export async function chooseAccelerator(kernel, { progress }) {
  const own = process.env['HMM_SDK_ACCELERATOR']
  if (own === 'kvm' || own === 'tcg') return own
  if (own !== undefined && own !== '') {
    throw new VmError('usage', `HMM_SDK_ACCELERATOR is '${own}': kvm or tcg`)
  }
  if (!canOpenKvm()) return 'tcg'
  const file = cachePath('accelerator.json')
  const key = await hostKey()
  return withLock('accelerator', async () => {
    const known = /** @type {{ key?: string, answer?: 'kvm' | 'tcg' } | undefined} */ (
      await readJson(file)
    )
    if (known?.key === key && known.answer !== undefined) return known.answer
    const answer = await progress.step('trying KVM', async () =>
      (await probeKvm(kernel, progress)) ? 'kvm' : 'tcg',
    )
    progress.note(answer === 'kvm' ? 'KVM works' : 'KVM does not boot a guest here: emulation')
    await writeJson(file, { key, answer })
    return answer
  })
}

function canOpenKvm() {
  try {
    accessSync('/dev/kvm', constants.R_OK | constants.W_OK)
    return true
  } catch {
    return false
  }
}

async function hostKey() {
  const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()
  const version = (await runProcess(QEMU, ['--version'])).stdout.split('\n')[0] ?? ''
  return `${boot} ${version}`
}

/**
 * @param {import('./kernels.mjs').Kernel} kernel
 * @param {import('./progress.mjs').Progress} progress
 */
async function probeKvm(kernel, progress) {
  const initramfs = await ensureInitramfs(kernel, { progress })
  const folder = await makeRunFolder('probe')
  try {
    const kernelLog = join(folder, 'kernel.log')
    const qemu = startQemu(
      qemuArguments({
        kernel,
        initramfs,
        accelerator: 'kvm',
        kernelLog,
        iommu: false,
        edu: false,
        memoryMiB: 512,
        kernelArguments: ['hmm_vm.probe'],
      }),
    )
    const limit = setTimeout(qemu.kill, PROBE_LIMIT_MS)
    await qemu.ended
    clearTimeout(limit)
    const log = await readFile(kernelLog, 'utf8').catch(() => '')
    return log.includes('hmm-vm: probe ok')
  } finally {
    await removeTree(folder)
  }
}
