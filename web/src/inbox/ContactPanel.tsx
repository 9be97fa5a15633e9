// Beside the conversation: the person, how to reach them, what the team knows.
import { useMutation, useQuery } from '@tanstack/react-query'
import { Ban, Mail, MessageCircle, Phone, UserRound, X } from 'lucide-react'
import { useState } from 'react'
import { useTranslation } from '@/i18n'
import { api, body } from '@/api/client'
import type { Contact, Conversation } from '@/api/model'
import { contactQuery, queries } from '@/api/queries'
import { useSession } from '@/api/session'
import { date } from '@/i18n/format'
import { keys } from '@/live/patch'
import { complain } from '@/shell/complaints'
import { Address } from '@/ui/Address'
import { Avatar } from '@/ui/Avatar'
import { IconButton } from '@/ui/Button'
import { Field, Input, Textarea } from '@/ui/Field'
import { Trouble } from '@/ui/State'
import { DetailsSkeleton } from './DetailsSkeleton'

export default function ContactPanel({ conversation, onClose }: { conversation: Conversation; onClose: () => void }) {
  const { t } = useTranslation()
  const query = useQuery(contactQuery(conversation.contact.id))
  return (
    <aside aria-label={t('contact.panel')} className="scroll-thin min-h-0 overflow-y-auto bg-surface lg:border-s">
      <div className="flex h-13 items-center justify-between border-b ps-4 pe-3">
        <h2 className="text-sm font-semibold">{t('contact.panel')}</h2>
        <IconButton label={t('common.close')} icon={<X className="size-4" />} onClick={onClose} />
      </div>
      {query.isPending && <DetailsSkeleton />}
      {query.isError && <Trouble error={query.error} retry={() => void query.refetch()} />}
      {query.data && <Details key={query.data.id} contact={query.data} />}
    </aside>
  )
}

const icons: Record<string, typeof Phone> = { phone: Phone, mail: Mail, whatsapp: MessageCircle }

function Details({ contact }: { contact: Contact }) {
  const { t } = useTranslation()
  const readOnly = useSession((state) => state.me?.staff.role === 'read_only')
  const save = useMutation({
    mutationFn: (change: { name?: string; about?: string }) =>
      body(api.PATCH('/api/v1/contacts/{id}', { params: { path: { id: contact.id } }, body: change })),
    onSuccess: (row) => queries.setQueryData(keys.contact(row.id), row),
    onError: complain,
  })
  return (
    <div className="flex flex-col gap-5 p-4">
      <div className="flex items-center gap-3">
        <Avatar id={contact.id} name={contact.name} size="lg" />
        <p className="text-xs text-ink-3">{t('contact.since', { date: date(contact.created_at) })}</p>
      </div>
      <Field label={t('contact.name')}>
        {(ids) => (
          <Kept {...ids} as={Input} disabled={readOnly} value={contact.name ?? ''} placeholder={t('contact.name_placeholder')} onKeep={(name) => save.mutate({ name })} />
        )}
      </Field>
      <section>
        <h3 className="mb-1 text-sm font-medium">{t('contact.reach')}</h3>
        <ul>
          {contact.identities.map((identity) => {
            const Icon = icons[identity.kind] ?? UserRound
            return (
              <li key={identity.id} className="flex min-h-8 flex-wrap items-center gap-2 text-sm">
                <Icon className="size-4 text-ink-3" aria-hidden />
                <Address className="min-w-0 break-all">{identity.address}</Address>
                {identity.sms_opted_out && (
                  <span className="inline-flex items-center gap-1 text-xs text-danger">
                    <Ban className="size-3.5" aria-hidden />
                    {t('contact.opted_out')}
                  </span>
                )}
              </li>
            )
          })}
        </ul>
      </section>
      <Field label={t('contact.about')} help={t('contact.about_help')}>
        {(ids) => (
          <Kept {...ids} as={Textarea} rows={5} dir="auto" disabled={readOnly} value={contact.about} onKeep={(about) => save.mutate({ about })} />
        )}
      </Field>
    </div>
  )
}

interface KeptProps {
  as: typeof Input | typeof Textarea
  value: string
  onKeep: (value: string) => void
  [more: string]: unknown
}

/** An input that saves when it is left; what somebody else changes meanwhile shows unless one is writing. */
function Kept({ as, value, onKeep, ...rest }: KeptProps) {
  /** Null while nobody writes here. */
  const [text, setText] = useState<string | null>(null)
  const Part = as as React.ComponentType<Record<string, unknown>>
  return (
    <Part
      {...rest}
      value={text ?? value}
      onFocus={() => setText(value)}
      onChange={(event: React.ChangeEvent<HTMLInputElement>) => setText(event.target.value)}
      onBlur={() => {
        if (text !== null && text.trim() !== value) onKeep(text.trim())
        setText(null)
      }}
    />
  )
}
