// A file system in persistent memory, where the kernel was told that some is (memmap=256M!5G on its command line).
import { execFileSync } from 'node:child_process'
import { mkdirSync } from 'node:fs'

const DEVICE = '/dev/pmem0'
const FOLDER = '/tmp/hmm-sdk-dax'

/** What became of it, in a line; HMM_SDK_DAX_FOLDER names the folder then. */
export function addDax() {
  try {
    for (const name of ['nd_e820', 'nd_pmem', 'ext4']) command('modprobe', name)
    // Files in pieces of 2 MiB, which can be mapped as one.
    const blocks = 'stride=512,stripe_width=512'
    command('mkfs.ext4', '-q', '-F', '-b', '4096', '-O', '^has_journal', '-E', blocks, DEVICE)
    mkdirSync(FOLDER, { recursive: true })
    command('mount', '-t', 'ext4', '-o', 'dax=always', DEVICE, FOLDER)
    process.env.HMM_SDK_DAX_FOLDER = FOLDER
    return `persistent memory at ${FOLDER}`
  } catch (error) {
    return `no persistent memory: ${error.message.split('\n')[0]}`
  }
}

function command(...words) {
  execFileSync(words[0], words.slice(1), { stdio: 'pipe' })
}
