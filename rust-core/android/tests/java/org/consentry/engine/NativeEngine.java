package org.consentry.engine;

/** The app's class of this name, as the library sees it. */
final class NativeEngine {
    static final NativeEngine INSTANCE = new NativeEngine();

    static {
        System.loadLibrary("consentry");
    }

    native long open(String folder, EngineHost host);

    native void start(long handle, int tun, String settings);

    native void stop(long handle);

    native void network(long handle, String network);

    native void owner(long handle, long flow, String owner);

    native String request(long handle, String request);

    native void close(long handle);
}
