package org.consentry.engine;

/** The app's interface of this name, as the library sees it. */
interface EngineHost {
    boolean protect(int socket);

    void owner(long flow, int transport, String app, String remote);

    void event(String event);
}
