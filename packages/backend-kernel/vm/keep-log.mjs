import { copyFile, mkdir, readdir } from 'node:fs/promises'
import { cachePath, removeTree } from './cache.mjs'

const KEPT = 40

/**
 * Keeps a kernel log under a name that sorts by time, and only the newest of them.
 *
 * @param {string} file
 * @param {string} name Of the kernel.
 * @returns {Promise<string>}
 */
export async function keepLog(file, name) {
  await mkdir(cachePath('logs'), { recursive: true })
  const stamp = new Date().toISOString().replaceAll(/[:.]/gu, '-')
  const kept = cachePath('logs', `${stamp}-${name}-${process.pid}.log`)
  await copyFile(file, kept).catch(() => undefined)
  const logs = (await readdir(cachePath('logs'))).sort()
  for (const old of logs.slice(0, -KEPT)) await removeTree(cachePath('logs', old))
  return kept
}
