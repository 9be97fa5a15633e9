// Files: what kinds are called, and putting them in for a message to take along.
import { ApiError, putIn } from '@/api/client'
import type { Attachment, Upload } from '@/api/model'

/** What the server takes of one file, and what a person puts in at a time. */
const BYTES_MAX = 16 * 2 ** 20
const FILES_MAX = 10

const names = { image: 'picture', sticker: 'sticker', voice: 'voice', audio: 'sound', recording: 'sound', video: 'video', file: 'attachment' } as const

/** What a kind of file is called. */
export function nameOf(kind: Attachment['kind']): (typeof names)[Attachment['kind']] {
  return names[kind]
}

/** A file on its way, or there, or refused. */
export interface PutIn {
  key: string
  name: string
  size: number
  /** From 0 to 1. */
  share: number
  upload: Upload | null
  problem: ApiError | 'too_large' | null
  cancel: () => void
}

/** Puts files in; tells of each step by `change`. Answers what is shown at once. */
export function putInAll(files: File[], held: number, change: (key: string, part: Partial<PutIn>) => void): PutIn[] {
  return files.slice(0, Math.max(0, FILES_MAX - held)).map((file) => {
    const stop = new AbortController()
    const item: PutIn = {
      key: crypto.randomUUID(),
      name: file.name || 'file',
      size: file.size,
      share: 0,
      upload: null,
      problem: file.size > BYTES_MAX ? 'too_large' : null,
      cancel: () => stop.abort(),
    }
    if (!item.problem) {
      putIn(file, item.name, (share) => change(item.key, { share }), stop.signal)
        .then((upload) => change(item.key, { upload, share: 1 }))
        .catch((error: unknown) => {
          if (!stop.signal.aborted) change(item.key, { problem: error instanceof ApiError ? error : new ApiError('unexpected', 0, String(error)) })
        })
    }
    return item
  })
}
