package org.consentry.vpn

import android.content.Context
import android.content.Intent
import org.consentry.engine.Term

/** The screens that notifications lead to, by name: this layer knows no more of them. */
object Screens {
    /** The screen with the four tabs. */
    const val MAIN = "org.consentry.ui.MainActivity"

    /** A service's screen. */
    const val SERVICE = "org.consentry.ui.ServiceActivity"

    /** Which tab [MAIN] shows: `home`, `services`, `log` or `health`. */
    const val EXTRA_TAB = "tab"

    /** Which service [SERVICE] shows: its id. */
    const val EXTRA_SERVICE = "service"

    /** For [SERVICE]: ask at once whether to allow it so long (a [Term]'s name), as it shares a server with another. */
    const val EXTRA_ALLOW_FOR = "allow_for"

    /** For [MAIN]: ask at once whether to turn protection off. */
    const val EXTRA_TURN_OFF = "turn_off"

    /** Shows the screen with the four tabs. */
    fun home(context: Context): Intent = Intent().setClassName(context, MAIN).putExtra(EXTRA_TAB, "home")

    /** Asks whether to turn protection off. */
    fun turnOff(context: Context): Intent = home(context).putExtra(EXTRA_TURN_OFF, true)
        // Its PendingIntent is another than that of Home.
        .setAction(EXTRA_TURN_OFF)

    /** Shows a service's screen; with [allowFor] it asks whether to allow the service so long. */
    fun service(context: Context, service: String, allowFor: Term? = null): Intent =
        Intent().setClassName(context, SERVICE).putExtra(EXTRA_SERVICE, service).apply {
            if (allowFor != null) putExtra(EXTRA_ALLOW_FOR, allowFor.name)
        }
}
