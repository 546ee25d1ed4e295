package org.consentry.widget

import android.app.PendingIntent
import android.appwidget.AppWidgetManager
import android.appwidget.AppWidgetProvider
import android.content.ComponentName
import android.content.Context
import android.content.Intent
import android.view.View
import android.widget.RemoteViews
import org.consentry.ConsentryApp
import org.consentry.R
import org.consentry.engine.Engine
import org.consentry.engine.EngineState
import org.consentry.ui.Languages
import org.consentry.ui.Numbers
import org.consentry.ui.StatusContent
import org.consentry.ui.Times
import org.consentry.vpn.Screens

/** What both widgets do: Android asks for them now and then, and each change of state renews them in between. */
abstract class Widget : AppWidgetProvider() {
    /** Reads the numbers anew; what is shown follows the state. */
    override fun onUpdate(context: Context, manager: AppWidgetManager, ids: IntArray) {
        val pending: PendingResult? = goAsync()
        ConsentryApp.of(context).engine.refresh {
            Widgets(context).show(ConsentryApp.of(context).engine.state.value)
            pending?.finish()
        }
    }
}

/** Two places wide: the shield, and how many attempts were held back today. */
class SmallWidget : Widget()

/** Four by two: how protection stands, today's number, and seven days. */
class LargeWidget : Widget()

/** The widgets on the home screen, if the owner has put some there. */
class Widgets(private val context: Context) {
    private val words: Context get() = Languages.spoken(context)
    private val manager: AppWidgetManager? = AppWidgetManager.getInstance(context)

    /** Keeps them as [engine]'s state is. */
    fun follow(engine: Engine) {
        engine.state.follow(::show)
    }

    /** Shows this state in all of them. */
    fun show(state: EngineState) {
        update(SmallWidget::class.java) { small(state) }
        update(LargeWidget::class.java) { large(state) }
    }

    private fun update(type: Class<out Widget>, views: () -> RemoteViews) {
        val ids = manager?.getAppWidgetIds(ComponentName(context, type)) ?: return
        if (ids.isNotEmpty()) manager.updateAppWidget(ids, views())
    }

    private fun small(state: EngineState): RemoteViews {
        val views = views(R.layout.widget_small)
        val isOn = state.protection.isActive
        views.setImageViewResource(R.id.widget_shield, shield(isOn))
        views.setTextViewText(R.id.widget_number, if (isOn) number(state) else words.getString(R.string.tile_off))
        views.setTextViewText(R.id.widget_text, words.getString(R.string.widget_held_back))
        views.setViewVisibility(R.id.widget_text, if (isOn) View.VISIBLE else View.GONE)
        views.setOnClickPendingIntent(R.id.widget, home())
        return views
    }

    private fun large(state: EngineState): RemoteViews {
        val views = views(R.layout.widget_large)
        val times = Times(words, System::currentTimeMillis)
        views.setImageViewResource(R.id.widget_shield, shield(state.protection.isActive))
        views.setTextViewText(R.id.widget_title, StatusContent.of(state, words, times).title)
        views.setTextViewText(R.id.widget_number, words.getString(R.string.widget_today, number(state)))
        val days = state.status?.days.orEmpty()
        val bars = WidgetBars(words.resources, days.map { it.count })
        views.setImageViewBitmap(R.id.widget_bars, bars.earlier())
        views.setImageViewBitmap(R.id.widget_bar_today, bars.today())
        val named = days.mapIndexed { index, day ->
            val isToday = index == days.lastIndex
            val longName = if (isToday) words.getString(R.string.today) else times.longWeekday(day.date)
            words.getString(R.string.chart_day, longName, Numbers.of(day.count))
        }
        val all = named.reduceOrNull { sum, day -> words.getString(R.string.list_more, sum, day) }.orEmpty()
        views.setContentDescription(R.id.widget_bars, words.getString(R.string.chart_label, all))
        for ((index, place) in NAMES.withIndex()) {
            val day = days.getOrNull(index)
            val name = when {
                day == null -> ""
                index == days.lastIndex -> words.getString(R.string.today_head)
                else -> times.weekday(day.date)
            }
            views.setTextViewText(place, name)
        }
        views.setOnClickPendingIntent(R.id.widget, home())
        return views
    }

    /** The home screen may speak another language, and write in the other direction. */
    private fun views(layout: Int) = RemoteViews(context.packageName, layout).apply {
        setInt(R.id.widget, "setLayoutDirection", words.resources.configuration.layoutDirection)
    }

    private fun number(state: EngineState): String =
        state.status?.let { Numbers.of(it.heldToday) } ?: words.getString(R.string.number_unknown)

    private fun shield(isOn: Boolean) = if (isOn) R.drawable.ic_shield_check else R.drawable.ic_shield_off

    private fun home(): PendingIntent = PendingIntent.getActivity(
        context,
        0,
        Screens.home(context).addFlags(Intent.FLAG_ACTIVITY_NEW_TASK),
        PendingIntent.FLAG_UPDATE_CURRENT or PendingIntent.FLAG_IMMUTABLE,
    )

    private companion object {
        /** The places of the days' names, oldest first. */
        val NAMES = listOf(
            R.id.widget_day_1, R.id.widget_day_2, R.id.widget_day_3, R.id.widget_day_4, R.id.widget_day_5, R.id.widget_day_6,
            R.id.widget_day_7,
        )
    }
}
