package org.consentry.ui

import android.content.res.ColorStateList
import android.os.Build
import android.widget.ImageView
import android.widget.Switch
import org.consentry.R
import org.consentry.engine.Service

/** A switch that allows a service. It shows what holds; what was asked for shows when it is done. */
class ConsentSwitch(private val switch: Switch) {
    private var isForATime: Boolean? = null

    /** Shows how a service stands. */
    fun show(service: Service, canSwitch: Boolean, onSwitch: (Boolean) -> Unit) {
        val context = switch.context
        if (isForATime != service.isAllowedForATime) {
            isForATime = service.isAllowedForATime
            switch.setThumbResource(
                if (service.isAllowedForATime) R.drawable.switch_thumb_clock else R.drawable.switch_thumb,
            )
        }
        if (switch.isChecked != service.isAllowed) {
            switch.isChecked = service.isAllowed
            // A row that is used again for another service must not slide.
            switch.jumpDrawablesToCurrentState()
        }
        switch.isEnabled = canSwitch
        switch.contentDescription = context.getString(R.string.allow_label, service.name)
        if (Build.VERSION.SDK_INT >= Build.VERSION_CODES.R) {
            switch.stateDescription =
                context.getString(if (service.isAllowed) R.string.state_allowed else R.string.state_held_back)
        }
        switch.setOnClickListener {
            val wanted = switch.isChecked
            switch.isChecked = service.isAllowed
            onSwitch(wanted)
        }
    }
}

/** The circle of a service: filled when it is allowed. */
fun ImageView.showAllowed(isAllowed: Boolean) {
    backgroundTintList = ColorStateList.valueOf(
        context.colour(if (isAllowed) R.attr.container else R.attr.high),
    )
    imageTintList = ColorStateList.valueOf(
        context.colour(if (isAllowed) R.attr.onContainer else R.attr.textSecond),
    )
}
