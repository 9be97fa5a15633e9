// A file that came with a message: a picture shown small, anything else as a chip to save; while it is fetched, and when
// it could not be had, what that means. Pictures are drawn by the browser from bytes, never opened as a page.
import { useMutation } from '@tanstack/react-query'
import { CircleAlert, Download, FileText, LoaderCircle, Play, RotateCw } from 'lucide-react'
import { useEffect, useState } from 'react'
import { api, body, bytes } from '@/api/client'
import type { Attachment } from '@/api/model'
import { queries } from '@/api/queries'
import { useTranslation } from '@/i18n'
import { fileSize } from '@/i18n/format'
import { keys, placeMessage } from '@/live/patch'
import { complain } from '@/shell/complaints'
import { Button } from '@/ui/Button'
import { nameOf } from './files'
import Recording from './Recording'

export default function Attached({ attachment }: { attachment: Attachment }) {
  if (attachment.state === 'waiting') return <Waiting attachment={attachment} />
  if (attachment.state === 'failed') return <Missing attachment={attachment} />
  if (attachment.kind === 'image' || attachment.kind === 'sticker') return <Picture attachment={attachment} />
  if (attachment.kind === 'video') return <Film attachment={attachment} />
  if (attachment.kind === 'recording' || attachment.kind === 'audio' || attachment.kind === 'voice') {
    return <Recording attachment={attachment} />
  }
  return <Chip attachment={attachment} />
}

function Waiting({ attachment }: { attachment: Attachment }) {
  const { t } = useTranslation()
  return (
    <p className="mt-2 flex items-center gap-2 text-sm text-ink-2" data-testid="attachment" data-state="waiting">
      <LoaderCircle className="size-4 animate-spin" aria-hidden />
      {t('message.fetching', { what: attachment.file_name ?? t(`message.${nameOf(attachment.kind)}`) })}
    </p>
  )
}

/** What another try would not change. */
const FINAL = ['too_large', 'unreadable', 'unlinked']

function Missing({ attachment }: { attachment: Attachment }) {
  const { t } = useTranslation()
  const retry = useMutation({
    mutationFn: () => body(api.POST('/api/v1/attachments/{id}/retry', { params: { path: { id: attachment.id } } })),
    onSuccess: (row) =>
      queries.setQueryData(keys.messages(row.conversation_id), (data: Parameters<typeof placeMessage>[0] | undefined) =>
        data ? placeMessage(data, row, 'message.updated') : data,
      ),
    onError: complain,
  })
  return (
    <div className="mt-2 flex flex-wrap items-center gap-2 rounded border border-line-strong p-2 text-xs" data-testid="attachment" data-state="failed">
      <CircleAlert className="size-4 shrink-0 text-danger" aria-hidden />
      <p dir="auto" className="min-w-0 flex-1 basis-40 text-ink-2">{attachment.failure?.help ?? t('message.missing')}</p>
      {!FINAL.includes(attachment.failure?.code ?? '') && (
        <Button size="sm" icon={<RotateCw className="size-3.5" />} disabled={retry.isPending} onClick={() => retry.mutate()}>
          {t('common.try_again')}
        </Button>
      )}
    </div>
  )
}

function Picture({ attachment }: { attachment: Attachment }) {
  const { t } = useTranslation()
  const [url, setUrl] = useState<string | null>(null)
  const [broken, setBroken] = useState(false)
  useEffect(() => {
    let made: string | null = null
    let gone = false
    bytes(attachment.url)
      .then((blob) => {
        if (gone) return
        made = URL.createObjectURL(blob)
        setUrl(made)
      })
      .catch(() => setBroken(true))
    return () => {
      gone = true
      if (made) URL.revokeObjectURL(made)
    }
  }, [attachment.url])
  if (broken) return <Chip attachment={attachment} />
  return (
    <button
      type="button"
      className={attachment.kind === 'sticker' ? 'mt-1 block' : 'mt-2 block overflow-hidden rounded border'}
      aria-label={t('message.save', { what: t(`message.${nameOf(attachment.kind)}`) })}
      onClick={() => void save(attachment)}
      data-testid="attachment"
      data-state="stored"
    >
      {url ? (
        <img
          src={url}
          alt={t(`message.${nameOf(attachment.kind)}`)}
          className={attachment.kind === 'sticker' ? 'size-32 object-contain' : 'max-h-60 max-w-full object-contain'}
          onError={() => setBroken(true)}
        />
      ) : (
        <span className="block h-40 w-56 animate-pulse bg-sunken" />
      )}
    </button>
  )
}

function Chip({ attachment }: { attachment: Attachment }) {
  const { t } = useTranslation()
  return (
    <button
      type="button"
      onClick={() => void save(attachment)}
      className="mt-2 flex max-w-full items-center gap-2 rounded border px-2 py-1 text-sm"
      data-testid="attachment"
      data-state="stored"
    >
      <FileText className="size-4 shrink-0" aria-hidden />
      <bdi className="min-w-0 truncate">{attachment.file_name ?? t('message.attachment')}</bdi>
      <bdi dir="ltr" className="text-xs text-ink-2">
        {ending(attachment.media_type).toUpperCase()} · {fileSize(attachment.size_bytes)}
      </bdi>
      <Download className="size-4 shrink-0" aria-hidden />
    </button>
  )
}

/** A film, loaded when somebody wants to see it: it may be large. */
function Film({ attachment }: { attachment: Attachment }) {
  const { t } = useTranslation()
  const [url, setUrl] = useState<string | null>(null)
  const [state, setState] = useState<'idle' | 'loading' | 'broken'>('idle')
  useEffect(() => () => (url ? URL.revokeObjectURL(url) : undefined), [url])
  if (state === 'broken') return <Chip attachment={attachment} />
  if (url) {
    // Customers' films have no subtitles.
    // eslint-disable-next-line jsx-a11y/media-has-caption
    return <video src={url} controls autoPlay className="mt-2 max-h-80 max-w-full rounded border" onError={() => setState('broken')} />
  }
  const load = () => {
    setState('loading')
    bytes(attachment.url)
      .then((blob) => setUrl(URL.createObjectURL(blob)))
      .catch((error: unknown) => {
        setState('idle')
        complain(error)
      })
  }
  return (
    <button
      type="button"
      disabled={state === 'loading'}
      onClick={load}
      className="mt-2 flex max-w-full items-center gap-2 rounded border px-2 py-1 text-sm"
      data-testid="attachment"
      data-state="stored"
    >
      {state === 'loading' ? <LoaderCircle className="size-4 shrink-0 animate-spin" aria-hidden /> : <Play className="size-4 shrink-0" aria-hidden />}
      <bdi className="min-w-0 truncate">{attachment.file_name ?? t('message.video')}</bdi>
      <bdi dir="ltr" className="text-xs text-ink-2">
        {fileSize(attachment.size_bytes)}
      </bdi>
    </button>
  )
}

async function save(attachment: Attachment) {
  try {
    const url = URL.createObjectURL(await bytes(attachment.url))
    const link = document.createElement('a')
    link.href = url
    link.download = attachment.file_name ?? `${attachment.id}.${ending(attachment.media_type)}`
    link.click()
    setTimeout(() => URL.revokeObjectURL(url), 60_000)
  } catch (error) {
    complain(error)
  }
}

const endings: Record<string, string> = {
  'application/octet-stream': 'bin',
  'image/jpeg': 'jpg',
  'text/calendar': 'ics',
  'text/plain': 'txt',
  'text/vcard': 'vcf',
  'text/x-vcard': 'vcf',
  'video/quicktime': 'mov',
}

function ending(mediaType: string): string {
  return endings[mediaType] ?? /^[a-z]+\/([a-z0-9]+)$/.exec(mediaType)?.[1] ?? 'bin'
}
