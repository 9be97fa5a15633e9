// Files of a draft: chosen, pasted, or dropped anywhere on the page; then each on its way as a message.
import { useEffect, useRef, useState } from 'react'
import { type PutIn, putInAll } from './files'
import { send } from './outbox'

export interface FilesOfDraft {
  items: PutIn[]
  ready: boolean
  dragging: boolean
  /** Whether it took them. */
  add: (files: File[]) => boolean
  remove: (key: string) => void
  /** Those that are there; none is left. */
  take: () => PutIn[]
}

/** The files of a draft; they live as long as the page. */
export function useFiles(allowed: boolean): FilesOfDraft {
  const [items, setItems] = useState<PutIn[]>([])
  const [dragging, setDragging] = useState(false)
  const change = (key: string, part: Partial<PutIn>) => setItems((now) => now.map((item) => (item.key === key ? { ...item, ...part } : item)))
  const add = (files: File[]) => {
    if (!allowed || files.length === 0) return false
    const added = putInAll(files, items.length, change)
    setItems((now) => [...now, ...added])
    return true
  }
  const latest = useRef(add)
  useEffect(() => {
    latest.current = add
  })
  useEffect(() => {
    if (!allowed) return
    const holds = (event: DragEvent) => event.dataTransfer?.types.includes('Files') ?? false
    const over = (event: DragEvent) => {
      if (!holds(event)) return
      event.preventDefault()
      setDragging(true)
    }
    const out = (event: DragEvent) => event.relatedTarget === null && setDragging(false)
    const drop = (event: DragEvent) => {
      setDragging(false)
      if (!holds(event)) return
      event.preventDefault()
      latest.current([...(event.dataTransfer?.files ?? [])])
    }
    window.addEventListener('dragover', over)
    window.addEventListener('dragleave', out)
    window.addEventListener('drop', drop)
    return () => {
      window.removeEventListener('dragover', over)
      window.removeEventListener('dragleave', out)
      window.removeEventListener('drop', drop)
    }
  }, [allowed])
  return {
    items,
    dragging,
    ready: items.length > 0 && items.every((item) => item.upload !== null),
    add,
    remove: (key) => {
      items.find((item) => item.key === key)?.cancel()
      setItems((now) => now.filter((item) => item.key !== key))
    },
    take: () => {
      setItems([])
      return items
    },
  }
}

/** Each file is a message of its own; the words go under the first that can carry them, else by themselves. */
export function sendAll(conversationId: string, words: string, kind: 'reply' | 'note', files: PutIn[], answersId?: string) {
  const uploads = files.flatMap((file) => file.upload ?? [])
  const carrier = uploads.find((upload) => upload.kind !== 'audio')
  for (const upload of uploads) {
    const first = upload === carrier
    send(conversationId, first ? words : '', kind, {
      file: { id: upload.id, name: upload.file_name ?? '' },
      answers_id: first ? answersId : undefined,
    })
  }
  if (words && !carrier) send(conversationId, words, kind, { answers_id: answersId })
}
