// A number's demo page: switched on, its link copied, opened, renewed.
import { useMutation, useQuery } from '@tanstack/react-query'
import { ExternalLink, RefreshCw } from 'lucide-react'
import { useState } from 'react'
import { useTranslation } from '@/i18n'
import { api, body } from '@/api/client'
import type { Inbox } from '@/api/model'
import { demoPageQuery, queries } from '@/api/queries'
import { keys } from '@/live/patch'
import { complain } from '@/shell/complaints'
import { Button } from '@/ui/Button'
import { Confirm } from '@/ui/Dialog'
import { Switch } from '@/ui/Field'
import { Bone, Trouble } from '@/ui/State'
import { CopyText } from './Page'

export function DemoPage({ inbox, admin }: { inbox: Inbox; admin: boolean }) {
  const { t } = useTranslation()
  const [open, setOpen] = useState(false)
  return (
    <div className="mt-2 ps-7">
      <button type="button" aria-expanded={open} onClick={() => setOpen(!open)} className="rounded text-xs text-ink-2 underline decoration-line-strong underline-offset-4 hover:text-ink">
        {t('settings.demo.open')}
      </button>
      {open && <Controls inbox={inbox} admin={admin} />}
    </div>
  )
}

function Controls({ inbox, admin }: { inbox: Inbox; admin: boolean }) {
  const { t } = useTranslation()
  const query = useQuery(demoPageQuery(inbox.id))
  const [renewing, setRenewing] = useState(false)
  const set = useMutation({
    mutationFn: (change: { enabled: boolean; new_address: boolean }) =>
      body(api.PUT('/api/v1/inboxes/{id}/demo-page', { params: { path: { id: inbox.id } }, body: change })),
    onSuccess: (page) => queries.setQueryData(keys.demoPage(inbox.id), page),
    onError: complain,
  })
  const page = query.data
  if (query.isError) return <Trouble error={query.error} retry={() => void query.refetch()} className="mx-0" />
  if (!page) return <Bone className="mt-2 h-24 w-full" />
  return (
    <div data-testid="demo-page" className="appear mt-2 rounded border p-3">
      <div className="flex items-start gap-4">
        <div className="min-w-0 flex-1">
          <p className="text-sm text-ink-2">{t('settings.demo.about')}</p>
          <p className="mt-1 text-sm font-medium">{page.enabled ? t('settings.demo.on') : t('settings.demo.off')}</p>
        </div>
        <Switch
          label={t('settings.demo.switch', { name: inbox.name })}
          checked={page.enabled}
          disabled={!admin || set.isPending}
          onChange={(enabled) => set.mutate({ enabled, new_address: false })}
        />
      </div>
      {page.enabled && page.url && (
        <>
          <div className="mt-3">
            <CopyText text={page.url} label={t('settings.demo.link')} />
          </div>
          <div className="mt-2 flex flex-wrap gap-2">
            <a
              href={page.url}
              target="_blank"
              rel="noreferrer"
              className="inline-flex h-7 items-center gap-1.5 rounded border border-line-strong bg-surface px-2 text-xs font-medium hover:bg-hover"
            >
              <ExternalLink className="mirror-rtl size-3.5" aria-hidden />
              {t('settings.demo.visit')}
            </a>
            {admin && (
              <Button size="sm" kind="quiet" icon={<RefreshCw className="size-3.5" />} disabled={set.isPending} onClick={() => setRenewing(true)}>
                {t('settings.demo.renew')}
              </Button>
            )}
          </div>
        </>
      )}
      <Confirm
        open={renewing}
        onClose={() => setRenewing(false)}
        onConfirm={() => set.mutate({ enabled: true, new_address: true })}
        title={t('settings.demo.renew_title')}
        description={t('settings.demo.renew_help')}
        confirm={t('settings.demo.renew')}
      />
    </div>
  )
}
