// What stands over the words while one writes, when it does: the message that is answered or changed, and files that go along.
import { LoaderCircle, Paperclip, Pencil, Reply, X } from 'lucide-react'
import { ApiError } from '@/api/client'
import type { Message } from '@/api/model'
import { useTranslation } from '@/i18n'
import { fileSize } from '@/i18n/format'
import { IconButton } from '@/ui/Button'
import { useProblem } from '@/ui/State'
import type { FilesOfDraft } from './draft-files'
import { nameOf, type PutIn } from './files'

export function About({ about, contact, onLeave }: { about: { deed: 'answer' | 'edit'; message: Message }; contact: string | null; onLeave: () => void }) {
  const { t } = useTranslation()
  const { deed, message } = about
  const Icon = deed === 'edit' ? Pencil : Reply
  const who = message.sender?.name ?? (message.direction === 'in' ? contact : message.staff?.name)
  const file = message.attachments[0]
  return (
    <div className="mx-1.5 mt-1.5 flex items-center gap-2 rounded-[5px] border-s-2 border-line-strong bg-sunken px-2 py-1 text-sm" data-testid="about">
      <Icon className="mirror-rtl size-3.5 shrink-0 text-ink-3" aria-hidden />
      <div className="min-w-0 flex-1">
        <p className="text-xs text-ink-3">
          {deed === 'edit' ? t('composer.changing') : t('composer.answering', { name: who ?? t(message.direction === 'in' ? 'message.them' : 'message.us') })}
        </p>
        <p dir="auto" className="truncate text-ink-2">
          {message.body || (file && t(`message.${nameOf(file.kind)}`))}
        </p>
      </div>
      <IconButton label={t('common.cancel')} icon={<X className="size-4" />} onClick={onLeave} />
    </div>
  )
}

export function Files({ files }: { files: FilesOfDraft }) {
  return (
    <ul className="flex flex-col gap-1 px-1.5 pt-1.5" data-testid="files">
      {files.items.map((item) => (
        <FileRow key={item.key} item={item} onRemove={() => files.remove(item.key)} />
      ))}
    </ul>
  )
}

function FileRow({ item, onRemove }: { item: PutIn; onRemove: () => void }) {
  const { t } = useTranslation()
  const problem = useProblem(item.problem instanceof ApiError ? item.problem : null)
  const Icon = item.upload || item.problem ? Paperclip : LoaderCircle
  return (
    <li className="flex items-center gap-2 rounded-[5px] border px-2 py-1 text-sm" data-state={item.problem ? 'refused' : item.upload ? 'there' : 'on_its_way'}>
      <Icon className={item.upload || item.problem ? 'size-4 shrink-0' : 'size-4 shrink-0 animate-spin'} aria-hidden />
      <div className="min-w-0 flex-1">
        <p className="flex items-baseline gap-2">
          <bdi className="min-w-0 truncate">{item.name}</bdi>
          <bdi dir="ltr" className="shrink-0 text-xs text-ink-3 tabular-nums">
            {fileSize(item.size)}
          </bdi>
        </p>
        {item.problem && (
          <p role="alert" className="text-xs text-danger">
            {item.problem === 'too_large' ? t('composer.file_too_large') : problem}
          </p>
        )}
        {!item.problem && !item.upload && (
          <progress className="block h-1 w-full" max={1} value={item.share} aria-label={t('composer.uploading', { name: item.name })} />
        )}
      </div>
      <IconButton label={t('composer.remove_file', { name: item.name })} icon={<X className="size-4" />} onClick={onRemove} />
    </li>
  )
}
